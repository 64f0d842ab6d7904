//! The bill of materials (CycloneDX 1.6, JSON): every package that the binary, its pages and its tests are built from,
//! with version, licence and checksum, from Cargo's own metadata and the lock files; held against `Cargo.lock`.
use crate::{Report, files};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where it is written.
pub(crate) const PATH: &str = "sbom.cdx.json";
/// The lock of the scripts that are served under `/npm/`.
const SCRIPTS: &str = "web/sdk/package-lock.json";

/// Makes the document, holds it against the lock file and writes it into the target folder.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let (document, findings) = document(root)?;
    let components = document["components"].as_array().map_or(0, Vec::len);
    let path = files::target(root).join(PATH);
    let text = format!("{document:#}\n");
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Report {
        summary: format!("{components} components in {}", path.display()),
        findings,
    })
}

fn document(root: &Path) -> Result<(Value, Vec<String>), String> {
    let printed = files::output(
        root,
        "cargo",
        &["metadata", "--format-version", "1", "--locked", "--offline"],
    )
    .or_else(|| {
        files::output(
            root,
            "cargo",
            &["metadata", "--format-version", "1", "--locked"],
        )
    })
    .ok_or("cargo metadata does not run")?;
    let metadata: Value = serde_json::from_slice(&printed).map_err(|e| e.to_string())?;
    let lock = lock(&files::read(root, "Cargo.lock")?);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut components = Vec::new();
    let mut listed = BTreeSet::new();
    let mut references = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let key = (text(&package["name"]), text(&package["version"]));
        let reference = format!("pkg:cargo/{}@{}", key.0, key.1);
        references.insert(text(&package["id"]), reference.clone());
        let own = package["source"].is_null();
        let mut component = json!({
            "type": "library", "bom-ref": reference, "name": key.0, "version": key.1, "purl": reference,
            "scope": "required",
        });
        if let Some(license) = package["license"].as_str() {
            // Some old packages write a slash for "or".
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(Some(checksum)) = lock.get(&key) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        if own {
            component["type"] = json!("application");
        }
        listed.insert(key);
        components.push(component);
    }
    let mut dependencies = Vec::new();
    for node in metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let on: Vec<&String> = node["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| references.get(id.as_str()?))
            .collect();
        let reference = references.get(node["id"].as_str().unwrap_or_default());
        dependencies.push(json!({ "ref": reference, "dependsOn": on }));
    }
    components.extend(scripts(&files::read(root, SCRIPTS)?)?);
    components.sort_by_key(|c| text(&c["bom-ref"]));
    let findings = lock
        .keys()
        .filter(|key| !listed.contains(*key))
        .map(|(name, version)| format!("Cargo.lock:1: {name} {version} is not in the document"))
        .chain(
            listed
                .iter()
                .filter(|key| !lock.contains_key(*key))
                .map(|(name, version)| format!("Cargo.lock:1: {name} {version} is not in it")),
        )
        .collect();
    let version = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|p| p["name"] == "usher")
        .map(|p| text(&p["version"]))
        .ok_or("there is no package called usher")?;
    let root_reference = format!("pkg:cargo/usher@{version}");
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "component": { "type": "application", "bom-ref": "usher", "name": "usher", "version": version, "purl": root_reference } },
        "components": components, "dependencies": dependencies,
    });
    Ok((document, findings))
}

/// Packages of `Cargo.lock` with their checksums.
fn lock(text: &str) -> BTreeMap<(String, String), Option<String>> {
    text.split("[[package]]")
        .skip(1)
        .filter_map(|block| {
            let field = |name: &str| {
                let line = block
                    .lines()
                    .find_map(|l| l.strip_prefix(name)?.strip_prefix(" = "))?;
                Some(line.trim_matches('"').to_owned())
            };
            Some(((field("name")?, field("version")?), field("checksum")))
        })
        .collect()
}

/// Packages of a lock file of npm.
fn scripts(text: &str) -> Result<Vec<Value>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|e| format!("{SCRIPTS}: {e}"))?;
    let packages = lock["packages"].as_object();
    let mut out = BTreeMap::new();
    for (path, package) in packages.into_iter().flatten() {
        let Some((_, name)) = path.rsplit_once("node_modules/") else {
            continue;
        };
        let version = package["version"].as_str().unwrap_or_default();
        let reference = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
        let mut component = json!({
            "type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference,
            "scope": "required",
        });
        if let Some(license) = package["license"].as_str() {
            component["licenses"] = json!([{ "expression": license }]);
        }
        if let Some(integrity) = package["integrity"].as_str() {
            // Subresource integrity, as the lock file has it: base64 of SHA-512.
            component["properties"] = json!([{ "name": "integrity", "value": integrity }]);
        }
        out.insert(reference, component);
    }
    Ok(out.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_locked_package_is_in_the_bill_of_materials() {
        let (document, findings) = document(&files::root()).unwrap();
        assert_eq!(findings, Vec::<String>::new());
        let components = document["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(named("aws-lc-rs")["hashes"][0]["alg"], "SHA-256");
        assert!(named("@clerk/clerk-js")["properties"][0]["value"].is_string());
        let licensed = components.iter().filter(|c| c["licenses"].is_array());
        assert!(licensed.count() > components.len() / 2);
        assert!(!document["dependencies"].as_array().unwrap().is_empty());
    }

    #[test]
    fn lock_files_are_read() {
        let cargo = lock(
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"x\"\nchecksum = \"ff\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n",
        );
        let key = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert_eq!(cargo.get(&key("a", "1.0.0")), Some(&Some("ff".to_owned())));
        assert_eq!(cargo.get(&key("own", "0.1.0")), Some(&None));
        let npm = scripts(
            r#"{"packages":{"":{"name":"x"},"node_modules/@a/b":{"version":"2.0.0","license":"MIT","integrity":"sha512-x"}}}"#,
        );
        let npm = npm.unwrap();
        assert_eq!(npm.len(), 1);
        assert_eq!(npm[0]["purl"], "pkg:npm/%40a/b@2.0.0");
    }
}
