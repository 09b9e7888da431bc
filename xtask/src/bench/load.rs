//! Load on a release build of the daemon and of the engine: the program in `bench`, which prints as it goes.

use super::Section;
use crate::shell::{cargo, run as run_command};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// One of the program's benchmarks.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// Further words of its command line.
    pub(crate) more: Vec<String>,
}

/// Runs them one after the other: two at a time would measure each other.
pub(crate) fn run(root: &Path, loads: &[Load], quick: bool) -> Result<Vec<Section>> {
    println!("bench: release builds, which take minutes the first time");
    run_command(&mut cargo(root, BUILD))?;
    let program = cargo_target(root)?.join("release/clusterer-bench");
    loads
        .iter()
        .map(|load| {
            let json = tempfile::NamedTempFile::new()?;
            let mut command = Command::new(&program);
            command.arg(load.name).args(&load.more).arg("--json").arg(json.path());
            if quick {
                command.arg("--quick");
            }
            run_command(&mut command)?;
            section(&std::fs::read_to_string(json.path())?).context("what the program measured")
        })
        .collect()
}

/// All in one go: what cargo builds apart may differ in features.
const BUILD: &str =
    "build --release --package clusterer-bench --package clustererd --package clustererctl";

fn section(json: &str) -> Result<Section> {
    let mut value: Value = serde_json::from_str(json)?;
    let mut take = |name: &str| value.get_mut(name).map(Value::take).context(name.to_owned());
    let text = |value: Value| value.as_str().map(str::to_owned).context("text");
    let (name, markdown) = (text(take("name")?)?, text(take("markdown")?)?);
    Ok(Section { name, markdown, figures: take("figures")? })
}

/// Where cargo puts what it builds, wherever that was moved to.
fn cargo_target(root: &Path) -> Result<std::path::PathBuf> {
    let metadata = crate::shell::read(&mut cargo(root, "metadata --format-version 1 --no-deps"))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let directory = metadata.get("target_directory").and_then(Value::as_str);
    Ok(directory.context("cargo names its target directory")?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_what_the_program_wrote() {
        let json = r#"{"name":"x","title":"X","markdown":"| a |\n","figures":[1]}"#;
        let Section { name, markdown, figures } = section(json).unwrap();
        assert_eq!((name.as_str(), markdown.as_str()), ("x", "| a |\n"));
        assert_eq!(figures, serde_json::json!([1]));
        assert!(section("{}").is_err());
    }
}
