//! Debian packages that the tests and the benches need: installed if we may, else named in one command.

use crate::shell::{read, stopwatch};
use anyhow::{Context as _, Result, bail, ensure};
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What Debian's PostgreSQL reads before it makes a cluster of its own, which would be started now and at
/// every boot.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/clusterer-tests.conf";

/// Installs packages without a server that stays. The file is ours for that time only.
const INSTALL: &str = r#"
file=$1; shift
trap 'rm -f "$file"; rmdir -p "${file%/*}" 2>/dev/null || :' EXIT
trap 'exit 130' HUP INT TERM
mkdir -p "${file%/*}"
echo "create_main_cluster = false" > "$file"
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o Acquire::Retries=3 update
apt-get -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
"#;

/// What is missing, and for whom.
pub(crate) struct Missing<'a> {
    /// Who needs it, in the plural.
    pub(crate) who: &'a str,
    /// What it is, for people.
    pub(crate) what: &'a str,
    pub(crate) packages: &'a [&'a str],
    /// How one does without.
    pub(crate) without: &'a str,
}

/// Installs them if we may, and says what it does.
pub(crate) fn install(missing: &Missing<'_>) -> Result<()> {
    let Missing { who, what, packages, without } = missing;
    let line = packages.join(" ");
    let advice = format!("On Debian: sudo apt-get install -y {line}\nWithout: {without}");
    if !may_install()? {
        bail!("{who} need {what}, which this machine does not have. {advice}");
    }
    println!("packages: {who} need {what}: installing {line}");
    let started = Instant::now();
    let mut install = Command::new("sh");
    install.args(["-e", "-c", INSTALL, "install", NO_CLUSTER]).args(*packages);
    let status = install.status().context("`sh` cannot be run")?;
    ensure!(status.success(), "{line} could not be installed ({status}). {advice}");
    println!("packages: [{}] {what} installed", stopwatch(started.elapsed()));
    Ok(())
}

/// Unpacks packages instead of installing them. The directory has all of them or is not there.
const UNPACK: &str = r#"
into=$1; shift
trap 'rm -rf "$into.unfinished"' EXIT
trap 'exit 130' HUP INT TERM
rm -rf "$into" "$into.unfinished"
mkdir -p "$into.unfinished"
cd "$into.unfinished"
[ "$(id -u)" -ne 0 ] || apt-get -q -o Acquire::Retries=3 update
apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$@"
for package in *.deb; do dpkg-deb --extract "$package" .; rm "$package"; done
mv "$into.unfinished" "$into"
"#;

/// Unpacks packages into this directory, for which one need not be root. For those whose service would run from
/// now on and from every boot on.
pub(crate) fn unpack(missing: &Missing<'_>, into: &Path) -> Result<()> {
    let Missing { who, what, packages, without } = missing;
    let line = packages.join(" ");
    ensure!(
        has_apt(),
        "{who} need {what}, which this machine does not have, in the PATH. Without: {without}"
    );
    println!("packages: {who} need {what}: unpacking {line} into {}", into.display());
    let started = Instant::now();
    let mut unpack = Command::new("sh");
    unpack.args(["-e", "-c", UNPACK, "unpack"]).arg(into).args(*packages);
    let status = unpack.status().context("`sh` cannot be run")?;
    ensure!(
        status.success(),
        "{line} could not be unpacked ({status}). Perhaps: sudo apt-get update\nWithout: {without}"
    );
    println!("packages: [{}] {what} unpacked", stopwatch(started.elapsed()));
    Ok(())
}

/// We are root, on a machine that has Debian's packages.
pub(crate) fn may_install() -> Result<bool> {
    let root = read(Command::new("id").arg("-u"))?.trim() == "0";
    Ok(root && has_apt())
}

fn has_apt() -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|directory| Path::join(&directory, "apt-get").is_file())
}
