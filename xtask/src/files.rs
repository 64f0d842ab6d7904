//! Finding and reading the repository's files, and the programs that chores ask.
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root: the folder above this package.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A text file under the root.
pub(crate) struct File {
    /// Its path under the root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// Reads a text file.
pub(crate) fn read(root: &Path, path: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))
}

/// Every Rust source below the given folders, sorted by path. Build output and installed packages are not ours.
pub(crate) fn rust(root: &Path, folders: &[&str]) -> Result<Vec<File>, String> {
    let mut out = Vec::new();
    for folder in folders {
        walk(root, &root.join(folder), &mut out)?;
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

fn walk(root: &Path, folder: &Path, out: &mut Vec<File>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry
            .map_err(|e| format!("{}: {e}", folder.display()))?
            .path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "target" | "node_modules") && !name.starts_with('.') {
                walk(root, &path, out)?;
            }
        } else if name.ends_with(".rs") {
            let text =
                std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let path = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            out.push(File { path, text });
        }
    }
    Ok(())
}

/// What a program prints; `None` where it fails or is not there.
pub(crate) fn output(root: &Path, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let done = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .ok()?;
    done.status.success().then_some(done.stdout)
}

/// Where builds and their figures go.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |t| root.join(t))
}

/// The OpenAPI document that the server prints: by `$USHER_BIN`, or the debug build.
pub(crate) fn openapi(root: &Path, api: &str) -> Result<String, String> {
    let binary = std::env::var_os("USHER_BIN")
        .map_or_else(|| target(root).join("debug/usher"), PathBuf::from);
    let printed = output(root, &binary.to_string_lossy(), &["openapi", api]).ok_or_else(|| {
        format!(
            "{} openapi {api} does not run; build it with `cargo build --package usher`",
            binary.display()
        )
    })?;
    String::from_utf8(printed).map_err(|_| "the document is not UTF-8".to_owned())
}
