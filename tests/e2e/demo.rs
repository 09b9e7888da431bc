//! `cargo xtask demo`: it succeeds only when every step was observed.

use anyhow::Result;
use clusterer_tests::program;
use clusterer_tests::servers::{Access, Kind};
use std::process::{Command, Output};

fn demo(more: &[&str]) -> Result<Output> {
    Ok(Command::new(program("xtask")?).args(["demo", "--built"]).args(more).output()?)
}

#[test]
fn every_step_is_observed() -> Result<()> {
    observes_every_step(&[])
}

#[test]
fn every_step_is_observed_with_postgresql() -> Result<()> {
    observes_every_step_on(Kind::Postgres, "postgres")
}

#[test]
fn every_step_is_observed_with_mariadb() -> Result<()> {
    observes_every_step_on(Kind::MariaDb, "mysql")
}

/// The demo starts a server of its own: the tests' only tells whether that can be done here.
fn observes_every_step_on(kind: Kind, name: &str) -> Result<()> {
    let test = format!("demo::every_step_is_observed_with_{}", kind.to_string().to_lowercase());
    if Access::for_test(&test, kind)?.is_none() {
        return Ok(());
    }
    observes_every_step(&["--db", name])
}

fn observes_every_step(more: &[&str]) -> Result<()> {
    let output = demo(more)?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for step in ["start", "replicate", "list", "kill", "restart", "clean up"] {
        assert!(text.contains(&format!("] {step:<10} ")), "{step} is in:\n{text}");
    }
    Ok(())
}

#[test]
fn a_step_that_is_not_observed_fails_and_is_named() -> Result<()> {
    for step in ["start", "replicate", "list", "kill", "restart"] {
        let output = demo(&["--break", step])?;
        let errors = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(&format!("step {step} was not observed")), "{errors}");
    }
    Ok(())
}
