//! What systemd is told: ready, reloading, ending, how it is; and nothing if a thread stands still.

use crate::metrics::{scrape, value};
use anyhow::{Context as _, Result, ensure};
use clusterer_mi::call;
use clusterer_tests::{Lab, NodeRow, PATIENCE, Place, ServiceManager, free_address, wait_for};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Half of it passes between two signs of life.
const WATCHDOG: Duration = Duration::from_millis(400);

/// A lab whose database can be locked against readers, which one with a write-ahead log cannot.
fn lockable() -> Result<(Lab, Vec<SocketAddr>)> {
    let (lab, at) = Lab::with_nodes(1)?;
    let database = rusqlite::Connection::open(lab.db_path())?;
    database.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    Ok((lab, at))
}

/// As long as this is there, nobody loads the table.
fn lock(lab: &Lab) -> Result<rusqlite::Connection> {
    let database = rusqlite::Connection::open(lab.db_path())?;
    database.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(database)
}

#[test]
fn it_is_ready_once_the_table_is_loaded_and_everything_answers() -> Result<()> {
    let (lab, at) = lockable()?;
    let manager = ServiceManager::in_directory(lab.path(), None)?;
    let locked = lock(&lab)?;
    let config = lab.config(1, at[0], "");
    thread::scope(|scope| {
        let start = scope.spawn(|| lab.start_at(Place::Under(manager.clone()), 1, &config));
        let heard = manager.next(PATIENCE)?.context("it says that it is starting")?;
        assert_eq!(heard.lines().next(), Some("STATUS=loading the table of nodes"));
        // Both the opening and the load may take the ten seconds of `db_connect_timeout`.
        assert_eq!(heard.lines().nth(1), Some("EXTEND_TIMEOUT_USEC=22000000"));
        let nothing = manager.next(Duration::from_millis(300))?;
        assert_eq!(nothing, None, "the table is not loaded");
        drop(locked);
        let heard = manager.until("READY=1", PATIENCE)?;
        assert_eq!(
            heard,
            ["READY=1\nSTATUS=server_id 1, clusters: 1; nodes: 0 up, 0 probing, 0 down"]
        );
        // At once, not soon.
        TcpStream::connect(at[0])?;
        let answer = call(&lab.fifo(1), &lab.reply_dir(), "version", &[], PATIENCE)?;
        ensure!(answer.starts_with("200 "), "{answer}");
        start.join().expect("it did not panic").map(drop)
    })
}

#[test]
fn it_tells_of_a_reload_of_its_state_and_of_its_end() -> Result<()> {
    let (lab, at) = lockable()?;
    let manager = ServiceManager::abstractly()?;
    let mut daemon = lab.start_at(Place::Under(manager.clone()), 1, &lab.config(1, at[0], ""))?;
    manager.until("READY=1", PATIENCE)?;

    lab.add(&NodeRow { state: 0, ..NodeRow::new(1, 2, free_address()?) })?;
    let locked = lock(&lab)?;
    daemon.signal(rustix::process::Signal::HUP)?;
    let heard = manager.until("RELOADING=1", PATIENCE)?;
    let last = heard.last().context("that is it")?;
    let at: u64 = last
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="))
        .context("it says when")?
        .parse()?;
    assert!(at > 0);
    assert_eq!(manager.next(Duration::from_millis(300))?, None, "it is not done");
    drop(locked);
    let heard = manager.until("READY=1", PATIENCE)?;
    let last = heard.last().context("that is it")?;
    assert!(last.ends_with("nodes: 0 up, 0 probing, 1 down"), "{last}");

    daemon.terminate()?;
    assert_eq!(manager.until("STOPPING=1", PATIENCE)?.len(), 1);
    Ok(())
}

#[test]
fn a_reload_that_fails_ends_too_and_says_why() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let manager = ServiceManager::in_directory(lab.path(), None)?;
    let daemon = lab.start_at(Place::Under(manager.clone()), 1, &lab.config(1, at[0], ""))?;
    manager.until("READY=1", PATIENCE)?;
    rusqlite::Connection::open(lab.db_path())?.execute_batch("DROP TABLE clusterer")?;
    daemon.signal(rustix::process::Signal::HUP)?;
    let heard = manager.until("READY=1", PATIENCE)?;
    let last = heard.last().context("that is it")?;
    assert!(last.contains("0 down; the database fails: "), "{last}");
    Ok(())
}

#[test]
fn a_configuration_that_is_not_read_again_is_told_until_it_is() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let manager = ServiceManager::in_directory(lab.path(), Some(WATCHDOG))?;
    let exporter = free_address()?;
    let good = lab.config(1, at[0], &format!("[metrics]\nlisten = \"{exporter}\"\n"));
    let daemon = lab.start_at(Place::Under(manager.clone()), 1, &good)?;
    manager.until("READY=1", PATIENCE)?;
    let read = || Ok::<_, anyhow::Error>(value(&scrape(exporter)?, "clusterer_config_read"));
    assert_eq!(read()?, 1.0);

    let reload = |config: &str| {
        lab.write_config(1, config)?;
        daemon.signal(rustix::process::Signal::HUP)?;
        let heard = manager.until("READY=1", PATIENCE)?;
        heard.last().cloned().context("that is it")
    };
    let status = reload(&good.replace("server_id = 1", "server_id = 0"))?;
    let why = "; the configuration stays as it was: ";
    assert!(
        status.contains(why) && status.contains("node-1.toml:3:13: clusterer.server_id"),
        "{status}"
    );
    assert_eq!(read()?, 0.0);
    // What is told when something else has changed says so, too.
    lab.add(&NodeRow { state: 0, ..NodeRow::new(1, 2, free_address()?) })?;
    daemon.mi_ok("clusterer_reload", &[])?;
    let status = wait_for("the second node is told of", PATIENCE, || {
        Ok(manager.next(PATIENCE)?.filter(|heard| heard.contains("1 down")))
    })?;
    assert!(status.contains(why), "{status}");

    let status = reload(&good)?;
    assert!(status.ends_with("nodes: 0 up, 0 probing, 1 down"), "{status}");
    assert_eq!(read()?, 1.0);
    Ok(())
}

/// Whoever writes to a log that nobody reads any more waits. Here this stops threads one by one.
struct StuckLog {
    lab: Lab,
    at: SocketAddr,
    manager: ServiceManager,
    pipe: File,
    _daemon: clusterer_tests::Daemon,
}

impl StuckLog {
    fn new() -> Result<Self> {
        let (lab, at) = Lab::with_nodes(2)?;
        let manager = ServiceManager::in_directory(lab.path(), Some(WATCHDOG))?;
        // Where the lab's daemons log to.
        let log = lab.path().join("node-1.log");
        rustix::fs::mkfifoat(CWD, &log, Mode::RUSR | Mode::WUSR)?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let pipe = File::from(rustix::fs::open(&log, flags, Mode::empty())?);
        let config = lab.config(1, at[0], "");
        let daemon = lab.start_at(Place::Under(manager.clone()), 1, &config)?;
        manager.until("READY=1", PATIENCE)?;
        Ok(Self { lab, at: at[0], manager, pipe, _daemon: daemon })
    }

    /// Signs of life come, until `stop` makes a thread say something. They come again once it is read.
    fn bites_after(&mut self, stop: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        for _ in 0..3 {
            self.manager.until("WATCHDOG=1", PATIENCE)?;
        }
        self.fill()?;
        stop(self)?;
        self.await_silence()?;
        self.drain()?;
        self.manager.until("WATCHDOG=1", PATIENCE).map(drop)
    }

    fn fill(&mut self) -> Result<()> {
        loop {
            match self.pipe.write(&[b'\n'; 64]) {
                Ok(_) => {}
                Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn drain(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        loop {
            match self.pipe.read(&mut bytes) {
                Ok(_) => {}
                Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// For as long as the watchdog waits, and half of that again, nothing is heard.
    fn await_silence(&self) -> Result<()> {
        let give_up = Instant::now() + PATIENCE;
        while self.manager.next(WATCHDOG * 3 / 2)?.is_some() {
            ensure!(Instant::now() < give_up, "the watchdog is still fed");
        }
        Ok(())
    }
}

#[test]
fn the_watchdog_is_not_fed_while_the_control_thread_stands_still() -> Result<()> {
    StuckLog::new()?.bites_after(|stuck| {
        // It logs the change, which the answer waits for.
        let (fifo, replies) = (stuck.lab.fifo(1), stuck.lab.reply_dir());
        let params = ["1", "2", "0", "bin"];
        let patience = Duration::from_millis(300);
        let answer = call(&fifo, &replies, "clusterer_set_status", &params, patience);
        ensure!(answer.is_err(), "{answer:?}");
        Ok(())
    })
}

#[test]
fn the_watchdog_is_not_fed_while_the_transport_stands_still() -> Result<()> {
    StuckLog::new()?.bites_after(|stuck| {
        // It logs that this is no packet.
        TcpStream::connect(stuck.at)?.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        Ok(())
    })
}

#[test]
fn without_a_watchdog_it_is_not_fed() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let manager = ServiceManager::in_directory(lab.path(), None)?;
    let mut daemon = lab.start_at(Place::Under(manager.clone()), 1, &lab.config(1, at[0], ""))?;
    daemon.terminate()?;
    let heard = manager.until("STOPPING=1", PATIENCE)?;
    assert!(!heard.iter().any(|message| message.contains("WATCHDOG")), "{heard:?}");
    Ok(())
}
