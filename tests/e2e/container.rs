//! The files of `deploy/container`, as far as that can be told without running containers.

use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Lab, program};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(deploy(path)).with_context(|| path.to_owned())
}

/// What stands behind a word, up to what cannot belong to an address.
fn addresses_behind(word: &str, text: &str) -> Vec<String> {
    let belongs = |c: &char| c.is_ascii_digit() || *c == '.';
    text.split(word).skip(1).map(|rest| rest.chars().take_while(belongs).collect()).collect()
}

#[test]
fn the_configuration_of_a_container_is_right_once_its_environment_is_set() -> Result<()> {
    let mut check = Command::new(program("clustererd")?);
    check.args(["check-config", "--config"]).arg(deploy("container/clusterer.toml"));
    ensure!(!check.output()?.status.success(), "nothing says which node it is");
    check.env("CLUSTERER_DB_URL", "postgres://a:b@172.30.77.10/c?sslmode=disable");
    check.envs([("CLUSTERER_SERVER_ID", "1"), ("CLUSTERER_ADDRESS", "172.30.77.11")]);
    let output = check.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Members of the workspace that are not built have to be there all the same: `bench` and `examples` were not.
#[test]
fn cargo_finds_the_whole_workspace_in_what_docker_is_sent() -> Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let context = tempfile::tempdir()?;
    let rules = read("container/Dockerfile.dockerignore")?;
    for path in rules.lines().filter_map(|line| line.strip_prefix('!')) {
        let sent = context.path().join(path);
        fs::create_dir_all(sent.parent().context("below the context")?)?;
        symlink(repository.join(path), sent)?;
    }
    let mut cargo = Command::new(env::var_os("CARGO").context("run by cargo")?);
    cargo.args(["tree", "--locked", "--offline", "--depth=0", "--package=clustererd"]);
    let output = cargo.current_dir(context.path()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn everybody_agrees_on_the_addresses_of_the_nodes() -> Result<()> {
    let (compose, rows) = (read("container/compose.yaml")?, read("container/nodes.sql")?);
    let nodes = addresses_behind("CLUSTERER_ADDRESS: ", &compose);
    assert_eq!(nodes.len(), 3);
    assert_eq!(addresses_behind("bin:", &rows), nodes);
    assert_eq!(addresses_behind("ipv4_address: ", &compose)[1..], nodes[..]);
    let scraped = read("container/prometheus.yml")?;
    let is_scraped = |node: &String| scraped.contains(&format!("\"{node}:9464\""));
    assert!(nodes.iter().all(is_scraped), "{scraped}");
    assert_eq!(scraped.matches(":9464").count(), 3);
    Ok(())
}

#[test]
fn the_rows_of_the_nodes_are_right() -> Result<()> {
    let lab = Lab::new()?;
    rusqlite::Connection::open(lab.db_path())?.execute_batch(&read("container/nodes.sql")?)?;
    assert!(lab.ctl_ok(&["db", "check", "--db-url", &lab.db_url()])?.ends_with(": ok\n"));
    Ok(())
}
