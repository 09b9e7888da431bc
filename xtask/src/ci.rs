//! `cargo xtask ci`: the other commands in a row, cheapest first, stopped by the first failure.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    api, bench, dist, embed, package,
    shell::{cargo, run as run_command, stopwatch},
    skips::{self, Skip},
    tidy,
};

pub(crate) fn run(root: &Path) -> Result<()> {
    run_steps(root, STEPS)
}

struct Step {
    name: &'static str,
    run: fn(&Path) -> Result<Outcome>,
}

enum Outcome {
    Passed,
    Skipped(&'static str),
}

const STEPS: &[Step] = &[
    Step { name: "fmt", run: fmt },
    Step { name: "tidy", run: |root| tidy::run(root).map(passed) },
    Step { name: "clippy", run: clippy },
    Step { name: "docs", run: docs },
    Step { name: "api", run: public_api },
    Step { name: "licences", run: licences },
    Step { name: "embed", run: |root| embed::run(root).map(passed) },
    Step { name: "counts", run: counts },
    Step { name: "test", run: test },
    Step { name: "archives", run: archives },
    Step { name: "package", run: package },
];

fn fmt(root: &Path) -> Result<Outcome> {
    run_command(&mut cargo(root, "fmt --all --check"))?;
    let benches = bench::MANIFESTS.map(str::to_owned);
    for manifest in embed::manifests(root)?.into_iter().chain(benches) {
        run_command(cargo(root, "fmt --check --manifest-path").arg(manifest))?;
    }
    Ok(Outcome::Passed)
}

fn clippy(root: &Path) -> Result<Outcome> {
    run_command(&mut cargo(root, "clippy --workspace --all-targets -- -D warnings"))?;
    bench::lint(root).map(passed)
}

fn docs(root: &Path) -> Result<Outcome> {
    let mut command = cargo(root, "doc --workspace --no-deps");
    run_command(command.env("RUSTDOCFLAGS", "-D warnings")).map(passed)
}

fn public_api(root: &Path) -> Result<Outcome> {
    let compared = api::run(root, &api::Options { accept: false })?;
    Ok(match compared {
        api::Compared::Same => Outcome::Passed,
        api::Compared::OtherFormat => Outcome::Skipped(api::OTHER_FORMAT),
    })
}

fn licences(root: &Path) -> Result<Outcome> {
    let installed = cargo(root, "deny --version").output().is_ok_and(|it| it.status.success());
    if !installed {
        return Ok(Outcome::Skipped("cargo-deny is not installed"));
    }
    run_command(&mut cargo(root, "deny check bans licenses sources")).map(passed)
}

fn counts(root: &Path) -> Result<Outcome> {
    Ok(match bench::check_counts(root)? {
        true => Outcome::Passed,
        false => Outcome::Skipped("valgrind is not installed"),
    })
}

/// The README's command, letter by letter, so that it cannot rot.
fn test(root: &Path) -> Result<Outcome> {
    run_command(&mut cargo(root, "xtask test --ci")).map(passed)
}

/// After the tests, by when most of what the crates depend on is built: two or three minutes of two cores.
fn archives(root: &Path) -> Result<Outcome> {
    package::run(root, &package::Options { verify: true }).map(passed)
}

/// With the programs that the tests have run: it is the packaging that is tried.
fn package(root: &Path) -> Result<Outcome> {
    if let Some(obstacle) = dist::obstacle() {
        return Ok(Outcome::Skipped(obstacle));
    }
    dist::run(root, dist::Options { dev: true, tried: true }).map(passed)
}

fn passed((): ()) -> Outcome {
    Outcome::Passed
}

fn run_steps(root: &Path, steps: &[Step]) -> Result<()> {
    let started = Instant::now();
    let allowed = skips::allowed(root)?;
    let mut summary = Vec::new();

    for (number, step) in (1..).zip(steps) {
        let total = stopwatch(started.elapsed());
        println!("\n==== [{total}] {number}/{}: {}", steps.len(), step.name);
        let step_started = Instant::now();
        let outcome = (step.run)(root)
            .and_then(|outcome| admit(step.name, outcome, &allowed))
            .with_context(|| {
                let total = stopwatch(started.elapsed());
                format!("ci FAILED at {} ({number}/{}) after {total}", step.name, steps.len())
            })?;
        summary.push(summary_line(step.name, &outcome, step_started.elapsed()));
    }

    println!("\n==== ci passed in {}", stopwatch(started.elapsed()));
    for line in summary {
        println!("{line}");
    }
    Ok(())
}

/// A step obeys the rule for tests: it is skipped loudly, and only where the list says so.
fn admit(name: &str, outcome: Outcome, allowed: &[Skip]) -> Result<Outcome> {
    if let Outcome::Skipped(reason) = outcome {
        let skip = Skip::new(&format!("ci::{name}"), reason);
        println!("{skip}");
        anyhow::ensure!(allowed.contains(&skip), "the skip is not on {}", skips::ALLOWED);
    }
    Ok(outcome)
}

fn summary_line(name: &str, outcome: &Outcome, elapsed: Duration) -> String {
    let word = match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Skipped(reason) => format!("SKIPPED: {reason}"),
    };
    format!("  {name:<10} {:>6}  {word}", stopwatch(elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: Step = Step { name: "pass", run: |_| Ok(Outcome::Passed) };
    const FAIL: Step = Step { name: "fail", run: |_| anyhow::bail!("it broke") };
    const SKIP: Step = Step { name: "skip", run: |_| Ok(Outcome::Skipped("no tool")) };
    const UNREACHED: Step = Step { name: "unreached", run: |_| panic!("a step failed before") };

    #[test]
    fn the_first_failure_stops_the_run_and_is_named() {
        let root = tempfile::tempdir().unwrap();
        run_steps(root.path(), &[PASS]).unwrap();
        let error = run_steps(root.path(), &[PASS, FAIL, UNREACHED]).unwrap_err();
        assert_eq!(format!("{error:#}"), "ci FAILED at fail (2/3) after 0:00: it broke");
    }

    #[test]
    fn a_step_may_be_skipped_only_where_the_list_says_so() {
        let root = tempfile::tempdir().unwrap();
        assert!(run_steps(root.path(), &[SKIP]).is_err());
        std::fs::create_dir(root.path().join("xtask")).unwrap();
        std::fs::write(root.path().join(skips::ALLOWED), "ci::skip: no tool\n").unwrap();
        run_steps(root.path(), &[SKIP, PASS]).unwrap();
    }
}
