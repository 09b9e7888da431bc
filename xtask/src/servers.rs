//! The database servers of the tests: found or installed, started once for a whole run. `cargo xtask
//! servers` keeps them up, for tests that are started by hand.

use crate::packages::{self, Missing};
use crate::shell::stopwatch;
use anyhow::{Result, bail};
use clusterer_tests::servers::{Kind, Server};
use std::io::Read as _;
use std::time::Instant;
use std::{io, thread};

/// The servers of one run. Dropping them ends them.
pub(crate) struct Servers {
    servers: Vec<Server>,
}

impl Servers {
    /// None: tests that need one say that they are skipped.
    pub(crate) fn none() -> Self {
        Self { servers: Vec::new() }
    }

    /// Starts one of each kind, all at the same time.
    pub(crate) fn start() -> Result<Self> {
        let started = Instant::now();
        let servers = thread::scope(|scope| {
            let threads = Kind::ALL.map(|kind| scope.spawn(move || Server::start(kind)));
            let joined = threads
                .into_iter()
                .map(|it| it.join().unwrap_or_else(|_| bail!("starting a server panicked")));
            joined.collect::<Result<Vec<_>>>()
        })?;
        for kind in Kind::ALL {
            println!("servers: [{}] {}", stopwatch(started.elapsed()), kind.version()?);
        }
        Ok(Self { servers })
    }

    /// The variables by which the tests find them, with the URLs.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.servers.iter().map(|server| {
            let access = server.access();
            (access.kind().variable(), access.maintenance_url())
        })
    }
}

/// Who needs servers, and how one does without.
#[derive(Clone, Copy)]
pub(crate) struct Purpose {
    pub(crate) name: &'static str,
    pub(crate) without: &'static str,
}

/// The tests, which need all of them.
pub(crate) const TESTS: Purpose = Purpose {
    name: "the tests",
    without: "cargo xtask test --no-servers, which skips their tests",
};

/// Sees to it that the programs of these servers are there: installs what is missing if it may.
pub(crate) fn ensure_installed(kinds: &[Kind], purpose: Purpose) -> Result<()> {
    let Purpose { name, without } = purpose;
    let missing: Vec<_> = kinds.iter().copied().filter(|kind| kind.version().is_err()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().flat_map(|kind| kind.packages()).copied().collect();
    let what = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    packages::install(&Missing { who: name, what: &what, packages: &packages, without })?;
    missing.into_iter().try_for_each(|kind| kind.version().map(drop))
}

/// Keeps them up until Ctrl-C or the end of the input.
pub(crate) fn stay() -> Result<()> {
    ensure_installed(&Kind::ALL, TESTS)?;
    let servers = Servers::start()?;
    println!("servers: they run until Ctrl-C or the end of the input; for tests in another shell:");
    for (variable, url) in servers.variables() {
        println!("export {variable}='{url}'");
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
