//! Turns `web/build/manifest.json` (written by `node web/build.mjs`) into the static table that `src/lib.rs` includes.
//! Without that file the table is empty, and the server's pages say how to build it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, error::Error, fs};

struct Entry {
    file: String,
    mime: String,
    size: u64,
    sha256: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let crate_folder = env::var("CARGO_MANIFEST_DIR")?;
    let built = Path::new(&crate_folder).join("../../web/build");
    // Cargo runs this again on every build while a watched path is missing, so the (ignored) folder is made; where it cannot
    // be, as in a read-only tree, the only harm is that.
    let _ = fs::create_dir_all(&built);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", built.display());

    let entries = match fs::read_to_string(built.join("manifest.json")) {
        Ok(text) => parse(&text)?,
        Err(_) => BTreeMap::new(),
    };
    let built = built.canonicalize().unwrap_or(built);
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("table.rs"),
        table(&entries, &built)?,
    )?;
    Ok(())
}

fn parse(text: &str) -> Result<BTreeMap<String, Entry>, Box<dyn Error>> {
    let list: serde_json::Value = serde_json::from_str(text)?;
    let mut entries = BTreeMap::new();
    for item in list
        .as_array()
        .ok_or("web/build/manifest.json is not a list")?
    {
        let text = |name: &str| -> Result<String, String> {
            let found = item[name].as_str();
            Ok(found
                .ok_or_else(|| format!("web/build/manifest.json: an entry without {name}"))?
                .into())
        };
        let size = item["size"]
            .as_u64()
            .ok_or("web/build/manifest.json: an entry without size")?;
        let entry = Entry {
            file: text("file")?,
            mime: text("mime")?,
            size,
            sha256: text("sha256")?,
        };
        entries.insert(text("path")?, entry);
    }
    Ok(entries)
}

fn table(entries: &BTreeMap<String, Entry>, built: &Path) -> Result<String, Box<dyn Error>> {
    let mut code = String::from("static ASSETS: &[Asset] = &[\n");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (
        path,
        Entry {
            file,
            mime,
            size,
            sha256,
        },
    ) in entries
    {
        let packed = |ending: &str| {
            format!(
                "include_bytes!({:?})",
                built.join(format!("{file}.{ending}"))
            )
        };
        // A weak tag, because one tag names the same content in three encodings (RFC 9110 §8.8.1).
        let etag = format!("W/\"{}\"", &sha256[..16]);
        writeln!(
            code,
            "    Asset {{ path: {path:?}, mime: {mime:?}, etag: {etag:?}, len: {size}, gzip: {}, brotli: {} }},",
            packed("gz"),
            packed("br"),
        )?;
        if let Some((package, version)) = package_version(path) {
            let known = versions.entry(package).or_default();
            if !known.contains(&version) {
                known.push(version);
            }
        }
    }
    code.push_str("];\n\nstatic VERSIONS: &[(&str, &[&str])] = &[\n");
    for (package, known) in versions {
        writeln!(code, "    ({package:?}, &{known:?}),")?;
    }
    code.push_str("];\n");
    Ok(code)
}

/// `/npm/@clerk/ui@1.36.0/dist/x.js` → `("@clerk/ui", "1.36.0")`.
fn package_version(path: &str) -> Option<(String, String)> {
    let rest = path.strip_prefix("/npm/")?;
    let at = rest.char_indices().skip(1).find(|(_, c)| *c == '@')?.0;
    let version = rest[at + 1..].split('/').next()?;
    Some((rest[..at].into(), version.into()))
}
