//! The disk below a SQLite database is full, or cannot be written to.

#![allow(clippy::print_stderr, reason = "skips are to be read")]

use crate::metrics::{scrape, value};
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{
    Daemon, Lab, NodeRow, PATIENCE, Place, Volume, free_address, program, skip, wait_for,
};
use std::fs;
use std::net::SocketAddr;

const FAILED: &str = "states could not be written back";

/// Node A in persistent mode, whose database is on a volume, and its peer B, whose database is not.
struct Bench {
    a: Daemon,
    b: Daemon,
    exporter: SocketAddr,
    volume: Volume,
    /// Its files.
    _lab: Lab,
}

impl Bench {
    /// `None` where there can be no volume; that is reported. `prepare` is done to it before A starts.
    fn new(journal: &str, prepare: impl FnOnce(&Volume) -> Result<()>) -> Result<Option<Self>> {
        if !possible()? {
            return Ok(None);
        }
        let lab = Lab::new()?;
        let at = lab.add_nodes(1)?;
        let peer = free_address()?;
        // As long as it is away, it is not disabled.
        lab.add(&NodeRow { failed_attempts: 1000, ..NodeRow::new(1, 2, peer) })?;
        let connection = rusqlite::Connection::open(lab.db_path())?;
        connection.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))?;
        drop(connection);

        let directory = lab.path().join("volume");
        fs::create_dir(&directory)?;
        let volume = Volume::mount(&directory)?;
        fs::copy(lab.db_path(), volume.seen_from_outside().join("clusterer.db"))?;
        prepare(&volume)?;
        let exporter = free_address()?;
        let config = lab
            .config(1, at[0], &format!("\n[metrics]\nlisten = \"{exporter}\"\n"))
            .replace(&lab.db_url(), &url(&volume))
            .replace("\n[bin]", "persistent_mode = 1\n\n[bin]");
        let b = lab.start(2, &lab.config(2, peer, ""))?;
        let a = lab.start_at(Place::With(volume.clone()), 1, &config)?;
        a.wait_state(2, 1)?;
        Ok(Some(Self { a, b, exporter, volume, _lab: lab }))
    }

    fn wait_database(&self, up: bool) -> Result<()> {
        let expected = if up { 1.0 } else { 0.0 };
        wait_for(&format!("clusterer_db_up is {expected}"), PATIENCE, || {
            Ok((value(&scrape(self.exporter)?, "clusterer_db_up") == expected).then_some(()))
        })
    }

    /// B dies, and A cannot write that, twice and for this reason; `meanwhile` is done again and again.
    fn fails(&mut self, reason: &str, meanwhile: impl Fn(&Volume) -> Result<()>) -> Result<()> {
        self.b.kill()?;
        self.a.wait_state(2, 2)?;
        wait_for("A cannot write it", PATIENCE, || {
            meanwhile(&self.volume)?;
            Ok((self.a.log().matches(FAILED).count() > 1).then_some(()))
        })?;
        let log = self.a.log();
        let mut failures = log.lines().filter(|line| line.contains(FAILED));
        ensure!(failures.all(|line| line.contains(reason)), "{log}");
        self.wait_database(false)?;
        self.a.mi_ok("clusterer_set_status", &["1", "2", "1", "bin"])?;
        self.a.wait_state(2, 2)
    }

    /// A has nothing to mend: what it could not write is written.
    fn recovers(&self) -> Result<()> {
        wait_for("what waited is written", PATIENCE, || {
            Ok((stored_state(&self.volume)? == 2).then_some(()))
        })?;
        self.wait_database(true)
    }
}

fn url(volume: &Volume) -> String {
    format!("sqlite:{}", volume.path().join("clusterer.db").display())
}

/// The state of B in the table on the volume.
fn stored_state(volume: &Volume) -> Result<i64> {
    let mut list = volume.command(&program("clustererctl")?);
    let output = list.args(["db", "list", "--json", "--db-url", &url(volume)]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["machine_id"] == 2));
    row.and_then(|row| row["state"].as_i64()).context("B is listed")
}

/// Whether there can be a volume on this machine. If not, that is reported.
fn possible() -> Result<bool> {
    let Some((reason, detail)) = Volume::obstacle() else { return Ok(true) };
    // One report for all of them: what is missing to one is missing to all.
    eprintln!("{detail:#}");
    skip("disk", reason)?;
    Ok(false)
}

#[test]
fn a_full_disk_stops_writing_and_nothing_else_until_there_is_room() -> Result<()> {
    let Some(mut bench) = Bench::new("delete", |_| Ok(()))? else { return Ok(()) };
    bench.fails("the disk is full", Volume::fill)?;
    assert_eq!(stored_state(&bench.volume)?, 1);
    bench.volume.empty()?;
    bench.recovers()
}

#[test]
fn a_full_disk_below_a_write_ahead_log_is_said_to_be_full() -> Result<()> {
    let Some(mut bench) = Bench::new("wal", |_| Ok(()))? else { return Ok(()) };
    // After a failure the file is opened anew, which gives back some of the room. Others take it.
    bench.fails("the disk is full", Volume::fill)?;
    // Whoever reads needs room beside the file, too.
    let error = stored_state(&bench.volume).unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
    bench.volume.empty()?;
    bench.recovers()
}

#[test]
fn a_disk_that_is_read_only_is_read_and_written_to_once_it_can_be() -> Result<()> {
    let Some(mut bench) = Bench::new("delete", Volume::forbid_writing)? else { return Ok(()) };
    bench.fails("the database is read-only", |_| Ok(()))?;
    bench.a.mi_ok("clusterer_reload", &[])?;
    assert_eq!(bench.a.state_of(2)?, 2, "what could not be written is not forgotten");
    bench.volume.allow_writing()?;
    // It writes first.
    bench.a.mi_ok("clusterer_reload", &[])?;
    bench.recovers()
}
