//! Reads the workspace from disk: packages from `cargo metadata`, files by walking.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::workspace::{Dependency, File, Kind, Package, Workspace};
use crate::shell::{cargo, read};

pub(super) fn workspace(root: &Path) -> Result<Workspace> {
    let json = read(&mut cargo(root, "metadata --format-version 1 --no-deps"))?;
    let packages = packages(&json, root).context("the output of `cargo metadata`")?;
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    Ok(Workspace { packages, files })
}

fn packages(json: &str, root: &Path) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(json)?;
    list(&metadata, "packages")?.iter().map(|value| package(value, root)).collect()
}

fn package(value: &Value, root: &Path) -> Result<Package> {
    let manifest = relative(text(value, "manifest_path")?, root)?;
    let directory = manifest.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
    let targets = list(value, "targets")?;
    Ok(Package {
        name: text(value, "name")?.to_owned(),
        directory,
        // `publish` is null where every registry is allowed, and a list of them otherwise.
        published: value["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
        description: value["description"].as_str().map(str::to_owned),
        license: value["license"].as_str().map(str::to_owned),
        keywords: texts(value, "keywords")?,
        categories: texts(value, "categories")?,
        library: roots(targets, "lib", root)?.pop(),
        programs: roots(targets, "bin", root)?,
        dependencies: list(value, "dependencies")?.iter().map(dependency).collect::<Result<_>>()?,
    })
}

fn roots(targets: &[Value], kind: &str, root: &Path) -> Result<Vec<String>> {
    let is_of_kind = |target: &&Value| {
        target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|it| it == kind))
    };
    let paths = targets.iter().filter(is_of_kind).map(|target| text(target, "src_path"));
    paths.map(|path| relative(path?, root)).collect()
}

fn dependency(value: &Value) -> Result<Dependency> {
    let kind = match value["kind"].as_str() {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => anyhow::bail!("a dependency of the unknown kind `{other}`"),
    };
    let optional = value["optional"].as_bool().context("no `optional`")?;
    Ok(Dependency { name: text(value, "name")?.to_owned(), kind, optional })
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    value[key].as_str().with_context(|| format!("no text `{key}`"))
}

fn texts(value: &Value, key: &str) -> Result<Vec<String>> {
    let texts = list(value, key)?.iter().map(|text| text.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().with_context(|| format!("no list of texts `{key}`"))
}

fn list<'v>(value: &'v Value, key: &str) -> Result<&'v [Value]> {
    value[key].as_array().map(Vec::as_slice).with_context(|| format!("no list `{key}`"))
}

fn relative(path: &str, root: &Path) -> Result<String> {
    let path = Path::new(path);
    let inside = path.strip_prefix(root).with_context(|| path.display().to_string())?;
    Ok(inside.components().map(|it| it.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

fn walk(directory: &Path, root: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            // Cargo marks its target directories, wherever they are.
            let built = path.join("CACHEDIR.TAG").exists();
            let hidden = name.starts_with('.') && ![".cargo", ".ci"].contains(&&*name);
            if !built && !hidden {
                walk(&path, root, files)?;
            }
        } else if is_ours(&path) {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push(File { path: relative(&path.to_string_lossy(), root)?, text });
        }
    }
    Ok(())
}

/// Files that people write here. Captured packets and transcripts are kept byte for byte.
fn is_ours(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    let directory = path.parent().and_then(Path::file_name).unwrap_or_default();
    directory == ".ci" || ["md", "rs", "sh", "toml"].iter().any(|ours| extension == *ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_loads() {
        let workspace = workspace(&crate::shell::repository()).unwrap();
        let registry = workspace.package("clusterer-registry").unwrap();
        assert_eq!(registry.directory, "crates/clusterer-registry");
        assert_eq!(registry.library.as_deref(), Some("crates/clusterer-registry/src/lib.rs"));
        assert!(registry.published && registry.description.is_some());
        let depends = |name: &str, kind| {
            registry.dependencies.iter().any(|it| it.name == name && it.kind == kind)
        };
        assert!(depends("clusterer-node", Kind::Normal) && depends("proptest", Kind::Dev));

        let xtask = workspace.package("xtask").unwrap();
        assert!(!xtask.published && xtask.library.is_none());
        assert_eq!(xtask.programs, ["xtask/src/main.rs"]);
        for path in [".ci/run", "CONTRIBUTING.md", "deny.toml", "xtask/src/tidy/load.rs"] {
            assert!(workspace.file(path).is_some(), "{path}");
        }
        assert!(!workspace.files.iter().any(|file| file.path.starts_with("target/")));
    }
}
