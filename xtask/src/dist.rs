//! `cargo xtask dist`: what is installed elsewhere, in `target/dist`.

mod tool;
mod trial;

use crate::packages::{self, Missing};
use crate::shell::{cargo, read, run as run_command, stopwatch};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

pub(crate) use self::trial::obstacle;

/// The programs that are packed, each of a package of its name.
const PROGRAMS: [&str; 2] = ["clustererd", "clustererctl"];

/// What goes into the tarball beside them: where it stands here, and there.
const FILES: &[(&str, &str)] = &[
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("README.md", "README.md"),
    ("deploy/completions", "completions"),
    ("deploy/debian/clusterer.toml", "clusterer.toml"),
    ("deploy/grafana", "grafana"),
    ("deploy/man", "man"),
    ("deploy/prometheus", "prometheus"),
    ("deploy/sql", "sql"),
    ("deploy/systemd", "systemd"),
    ("docs", "docs"),
];

#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// Programs of the dev profile: for tests of the packaging.
    pub(crate) dev: bool,
    pub(crate) tried: bool,
}

pub(crate) fn run(root: &Path, options: Options) -> Result<()> {
    let started = Instant::now();
    ensure_debian_tools()?;
    let cargo_deb = tool::cargo_deb(root)?;
    let built = if options.dev {
        // As `cargo xtask test` builds them, so that nothing is compiled again.
        run_command(&mut cargo(root, "build --locked --workspace --bins"))?;
        "debug"
    } else {
        run_command(cargo(root, "build --locked --release --bins").args(packages(&PROGRAMS)))?;
        "release"
    };
    let dist = root.join(if options.dev { "target/dist-dev" } else { "target/dist" });
    clear(&dist)?;
    let built = target(root)?.join(built);
    let made =
        [debian_package(root, &cargo_deb, &built, &dist, options)?, tarball(root, &built, &dist)?];
    let sums = checksums(&dist, &made)?;
    for path in made.iter().chain([&sums]) {
        let size = fs::metadata(path)?.len();
        println!("dist: {:>9} bytes  {}", size, path.display());
    }
    if options.tried {
        let [package, _] = &made;
        trial::run(root, package, &dist)?;
    }
    println!("dist: done in {}", stopwatch(started.elapsed()));
    Ok(())
}

/// `dpkg-shlibdeps` says which C library the programs need.
fn ensure_debian_tools() -> Result<()> {
    if Command::new("dpkg-shlibdeps").arg("--version").output().is_ok() {
        return Ok(());
    }
    packages::install(&Missing {
        who: "packages",
        what: "Debian's tools to make them",
        packages: &["dpkg-dev"],
        without: "cargo build --release, and copy the programs",
    })
}

fn packages(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["--package", name]).collect()
}

/// Where cargo builds, which the environment may say.
fn target(root: &Path) -> Result<PathBuf> {
    let metadata = read(&mut cargo(root, "metadata --no-deps --format-version 1 --locked"))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let directory = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    directory.map(PathBuf::from).context("cargo has a target directory")
}

fn clear(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    Ok(fs::create_dir_all(directory)?)
}

fn debian_package(
    root: &Path,
    cargo_deb: &Path,
    built: &Path,
    dist: &Path,
    options: Options,
) -> Result<PathBuf> {
    // A target directory with nothing but the programs: it takes them as released, whatever built them.
    let stage = dist.join("stage");
    fs::create_dir_all(stage.join("release"))?;
    for program in PROGRAMS {
        fs::copy(built.join(program), stage.join("release").join(program))?;
    }
    let mut pack = Command::new(cargo_deb);
    pack.args(["deb", "--package", "clustererd", "--no-build", "--locked", "--strip"]);
    pack.args(["--no-dbgsym", "--output"]).arg(dist).current_dir(root);
    if options.dev {
        pack.arg("--fast");
    }
    run_command(pack.env("CARGO_TARGET_DIR", &stage))?;
    fs::remove_dir_all(stage)?;
    let package = only(dist, "deb")?;
    ensure!(
        name(&package).starts_with(&format!("clusterer_{}-", env!("CARGO_PKG_VERSION"))),
        "{} is of another version than this",
        package.display()
    );
    Ok(package)
}

fn tarball(root: &Path, built: &Path, dist: &Path) -> Result<PathBuf> {
    let name = format!("clusterer-{}-{}", env!("CARGO_PKG_VERSION"), machine()?);
    let directory = dist.join(&name);
    fs::create_dir(&directory)?;
    for program in PROGRAMS {
        let packed = directory.join(program);
        run_command(Command::new("strip").arg("-o").arg(&packed).arg(built.join(program)))?;
    }
    for (from, to) in FILES {
        run_command(Command::new("cp").arg("-R").arg(root.join(from)).arg(directory.join(to)))?;
    }
    let tarball = dist.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--sort=name", "--owner=root:0", "--group=root:0", "--file"]);
    run_command(tar.arg(&tarball).arg("--directory").arg(dist).arg(&name))?;
    fs::remove_dir_all(directory)?;
    Ok(tarball)
}

/// What the programs run on, as compilers call it.
fn machine() -> Result<String> {
    let version = read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc has a host")
}

/// For `sha256sum --check SHA256SUMS`.
fn checksums(dist: &Path, files: &[PathBuf]) -> Result<PathBuf> {
    let mut sum = Command::new("sha256sum");
    let text = read(sum.args(files.iter().map(|file| name(file))).current_dir(dist))?;
    let path = dist.join("SHA256SUMS");
    fs::write(&path, text)?;
    Ok(path)
}

fn only(directory: &Path, extension: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    match found.as_slice() {
        [path] => Ok(path.clone()),
        _ => bail!("there is not one .{extension} in {}", directory.display()),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::repository;

    #[test]
    fn the_changelog_of_the_package_is_of_this_version() {
        let changelog = fs::read_to_string(repository().join("deploy/debian/changelog")).unwrap();
        let first = format!("clusterer ({}-", env!("CARGO_PKG_VERSION"));
        assert!(changelog.starts_with(&first), "{changelog}");
    }

    #[test]
    fn what_the_tarball_holds_is_there() {
        for (from, _) in FILES {
            assert!(repository().join(from).exists(), "{from}");
        }
    }
}
