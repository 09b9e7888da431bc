//! `cargo xtask test`: every test there is, with database servers started for the run, and what else the tests
//! use at hand.

use std::{fs, path::Path, process, time::Instant};

use anyhow::{Context as _, Result, bail};
use clusterer_tests::{Browser, OpensipsCli, Prometheus, servers::Kind};

use crate::{
    packages::{self, Missing},
    servers::{self, Servers},
    shell::{cargo, run as run_command, stopwatch},
    skips::{self, Skip},
};

/// How the tests are run.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// Fail on a skip that is not listed in xtask/allowed-skips.txt
    #[arg(long)]
    pub(crate) ci: bool,
    /// Start no database servers; the tests that need one are skipped
    #[arg(long)]
    pub(crate) no_servers: bool,
    /// Start no browser; the tests of the status page are skipped
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Install no opensips-cli; the tests that manage daemons with it are skipped
    #[arg(long)]
    pub(crate) no_opensips_cli: bool,
    /// Use no Prometheus; the tests of alerts and board are skipped
    #[arg(long)]
    pub(crate) no_prometheus: bool,
}

impl Options {
    /// The variables that tell the tests what to do without.
    fn refused(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let refusable = [
            (self.no_browser, Browser::REFUSED),
            (self.no_opensips_cli, OpensipsCli::REFUSED),
            (self.no_prometheus, Prometheus::REFUSED),
        ];
        let refused = refusable.into_iter().filter(|(is_refused, _)| *is_refused);
        refused.map(|(_, name)| (name, "1"))
    }
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let started = Instant::now();

    if options.no_servers {
        println!("test: NO DATABASE SERVERS (--no-servers): the tests that need one are skipped");
    } else {
        // First, because it may stop here.
        servers::ensure_installed(&Kind::ALL, servers::TESTS)?;
    }
    if options.no_browser {
        println!("test: NO BROWSER (--no-browser): the tests of the status page are skipped");
    } else {
        ensure_browser()?;
    }
    if options.no_opensips_cli {
        println!("test: NO OPENSIPS-CLI (--no-opensips-cli): the tests with it are skipped");
    } else {
        ensure_python()?;
    }
    if options.no_prometheus {
        println!(
            "test: NO PROMETHEUS (--no-prometheus): the tests of alerts and board are skipped"
        );
    } else {
        ensure_prometheus()?;
    }

    println!("test: building the programs, the end-to-end tests start them");
    run_command(&mut cargo(root, "build --workspace --bins"))?;

    let servers = if options.no_servers { Servers::none() } else { Servers::start()? };

    println!("test: [{}] unit tests, integration tests, doctests", stopwatch(started.elapsed()));
    let (outcome, skipped) = run_tests(root, &servers, options)?;
    drop(servers);

    for skip in &skipped {
        println!("{skip}");
    }
    outcome?;
    if options.ci {
        judge(&skipped, &skips::allowed(root)?)?;
    }
    println!("test: passed in {}, {} skipped", stopwatch(started.elapsed()), skipped.len());
    Ok(())
}

/// Sees to it that the browser is there: installs it if we may.
fn ensure_browser() -> Result<()> {
    if Browser::installed().is_ok() {
        return Ok(());
    }
    packages::install(&Missing {
        who: "the tests",
        what: "Chromium",
        packages: &Browser::PACKAGES,
        without: "cargo xtask test --no-browser, which skips the tests of the status page",
    })?;
    Browser::installed()
}

/// Sees to it that there is a Python which can install opensips-cli: installs what that takes if we may.
fn ensure_python() -> Result<()> {
    if OpensipsCli::installable().is_ok() {
        return Ok(());
    }
    packages::install(&Missing {
        who: "the tests",
        what: "Python with venv",
        packages: &OpensipsCli::PACKAGES,
        without: "cargo xtask test --no-opensips-cli, which skips the tests with a client of OpenSIPS",
    })?;
    OpensipsCli::installable()
}

/// Sees to it that Prometheus is there: unpacks it, so that no service comes with it.
fn ensure_prometheus() -> Result<()> {
    if Prometheus::installed().is_ok() {
        return Ok(());
    }
    let missing = Missing {
        who: "the tests",
        what: "Prometheus",
        packages: &Prometheus::PACKAGES,
        without: "cargo xtask test --no-prometheus, which skips the tests of alerts and board",
    };
    packages::unpack(&missing, &Prometheus::unpacked()?)?;
    Prometheus::installed().map(drop)
}

/// Skips are read even when a test failed: the one may explain the other.
fn run_tests(root: &Path, servers: &Servers, options: &Options) -> Result<(Result<()>, Vec<Skip>)> {
    // Absolute, since a test runs in the directory of its package; ours alone, since two runs may
    // share a checkout.
    let report = std::path::absolute(root)?.join(format!("target/skips-{}.txt", process::id()));
    fs::create_dir_all(root.join("target"))?;
    fs::write(&report, "").with_context(|| format!("{} cannot be written", report.display()))?;

    let mut command = cargo(root, "test --workspace --no-fail-fast");
    command.env(skips::VARIABLE, &report).envs(servers.variables()).envs(options.refused());
    let outcome = run_command(&mut command);

    let text = fs::read_to_string(&report)?;
    fs::remove_file(&report)?;
    Ok((outcome, skips::reported(&text)?))
}

fn judge(skipped: &[Skip], allowed: &[Skip]) -> Result<()> {
    let unexpected = skips::unexpected(skipped, allowed);
    if !unexpected.is_empty() {
        let lines = unexpected.iter().map(|skip| format!("\n  {skip}")).collect::<String>();
        bail!("skipped without being on {}:{lines}", skips::ALLOWED);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Options = Options {
        ci: false,
        no_servers: true,
        no_browser: true,
        no_opensips_cli: true,
        no_prometheus: true,
    };
    const CI: Options = Options { ci: true, ..LOCAL };

    /// A project of one test that skips with the function that CONTRIBUTING.md tells people to copy.
    fn project_with_a_skip(allowed: &str) -> tempfile::TempDir {
        let contributing = include_str!("../../CONTRIBUTING.md");
        let (_, skips) = contributing.split_once("## Skips").expect("the section is there");
        let (_, function) = skips.split_once("```rust\n").expect("the function is there");
        let (function, _) = function.split_once("```").expect("the block ends");

        let project = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = project.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[package]\nname = \"one\"\nedition = \"2024\"\n[workspace]\n");
        write("src/main.rs", "fn main() {}\n");
        write(
            "tests/one.rs",
            &format!("{function}\n#[test]\nfn a() {{ skip(\"one::a\", \"no server\"); }}\n"),
        );
        write(skips::ALLOWED, allowed);
        project
    }

    #[test]
    fn a_skip_gets_past_the_captured_output_of_a_passing_test() {
        let project = project_with_a_skip("");
        let (outcome, skipped) = run_tests(project.path(), &Servers::none(), &LOCAL).unwrap();
        outcome.unwrap();
        assert_eq!(skipped, [Skip::new("one::a", "no server")]);
        run(project.path(), &LOCAL).expect("a skip is no failure on a developer's machine");
        let error = run(project.path(), &CI).unwrap_err().to_string();
        assert!(error.contains("SKIPPED: one::a: no server"), "{error}");

        fs::write(project.path().join(skips::ALLOWED), "one::a: no server\n").unwrap();
        run(project.path(), &CI).expect("it is on the list");
    }

    #[test]
    fn a_failing_test_fails_the_run_and_leaves_no_report_behind() {
        let project = project_with_a_skip("");
        // Its binary runs before the other one, which must run all the same.
        let failing = project.path().join("tests/early.rs");
        fs::write(failing, "#[test]\nfn b() { panic!() }\n").unwrap();
        assert!(run(project.path(), &LOCAL).is_err());
        let (outcome, skipped) = run_tests(project.path(), &Servers::none(), &LOCAL).unwrap();
        assert!(outcome.is_err());
        assert_eq!(skipped.len(), 1, "what was skipped is told all the same");
        let left = fs::read_dir(project.path().join("target")).unwrap();
        let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.starts_with("skips-")).count(), 0);
    }
}
