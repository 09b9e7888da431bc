//! The packages that go to a registry, as cargo sees them.

use crate::shell::{cargo, read};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) library: bool,
    /// Each but `default`, and which others it turns on.
    pub(crate) features: BTreeMap<String, BTreeSet<String>>,
}

impl Package {
    /// What the library is called in code.
    pub(crate) fn identifier(&self) -> String {
        self.name.replace('-', "_")
    }

    /// What an archive of it has all its files in.
    pub(crate) fn directory(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// What cargo calls its archive.
    pub(crate) fn archive(&self) -> String {
        format!("{}.crate", self.directory())
    }
}

/// All of them, sorted by name.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let json = read(&mut cargo(root, "metadata --format-version 1 --no-deps"))?;
    let mut packages = parse(&json).context("the output of `cargo metadata`")?;
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

/// `-p` and the name of each, as cargo wants them.
pub(crate) fn selection<'a>(packages: impl IntoIterator<Item = &'a Package>) -> Vec<&'a str> {
    packages.into_iter().flat_map(|package| ["-p", package.name.as_str()]).collect()
}

/// Where cargo builds.
pub(crate) fn target_directory(root: &Path) -> Result<PathBuf> {
    let json = read(&mut cargo(root, "metadata --format-version 1 --no-deps"))?;
    let metadata: Value = serde_json::from_str(&json).context("the output of `cargo metadata`")?;
    let directory = metadata.get("target_directory").and_then(Value::as_str);
    directory.map(PathBuf::from).context("no `target_directory`")
}

fn parse(json: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(json)?;
    let packages =
        metadata.get("packages").and_then(Value::as_array).context("no list `packages`")?;
    // `publish` is null where every registry is allowed, and a list of them otherwise.
    let published = packages
        .iter()
        .filter(|it| it["publish"].as_array().is_none_or(|registries| !registries.is_empty()));
    published.map(package).collect()
}

fn package(value: &Value) -> Result<Package> {
    let text = |key: &str| value[key].as_str().with_context(|| format!("no text `{key}`"));
    let targets = value["targets"].as_array().context("no list `targets`")?;
    let features = value["features"].as_object().context("no table `features`")?;
    Ok(Package {
        name: text("name")?.to_owned(),
        version: text("version")?.to_owned(),
        library: targets.iter().any(|it| it.pointer("/kind/0").is_some_and(|kind| kind == "lib")),
        features: features
            .iter()
            .filter(|(name, _)| *name != "default")
            .map(|(name, list)| (name.clone(), implied(list, features)))
            .collect(),
    })
}

/// Those of the crate's own features that are in a feature's list.
fn implied(list: &Value, features: &serde_json::Map<String, Value>) -> BTreeSet<String> {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| features.contains_key(*name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_libraries_are_published_and_chores_are_not() {
        let packages = packages(&crate::shell::repository()).unwrap();
        let find = |name: &str| packages.iter().find(|package| package.name == name);
        let database = find("clusterer-db").expect("it is published");
        assert!(database.library);
        assert!(database.features.keys().eq(["mysql", "postgres", "sqlite"]));
        let management = find("clusterer-mi").expect("it is published");
        assert!(management.features["fifo"].iter().eq(["json"]), "no dependencies among them");
        assert!(!find("clustererd").expect("it is published").library);
        assert_eq!(find("xtask").map(|it| &it.name), None);
        assert!(packages.is_sorted_by(|one, other| one.name < other.name));
    }

    #[test]
    fn what_is_not_a_list_of_packages_is_an_error() {
        for json in ["", "{}", r#"{"packages": [{"name": "a"}]}"#] {
            assert!(parse(json).is_err(), "{json}");
        }
    }
}
