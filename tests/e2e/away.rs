//! The database is away: before the start, and later.

use crate::databases::{KINDS, sql, stored_state};
use crate::metrics::{scrape, value};
use crate::start::{Starting, lock};
use anyhow::{Context as _, Result};
use clusterer_tests::servers::{Access, Server};
use clusterer_tests::{Lab, PATIENCE, free_address, wait_for};
use std::fs;
use std::time::{Duration, Instant};

/// A lab whose database can be taken away.
struct Removable {
    // First: its database is dropped while there is a server.
    lab: Lab,
    server: Option<Server>,
}

impl Removable {
    /// One of each kind that there is.
    fn each(test: &str) -> Result<Vec<Self>> {
        let mut found = vec![Self { lab: Lab::new()?, server: None }];
        for kind in KINDS {
            if Access::for_test(test, kind)?.is_some() {
                let server = Server::start(kind)?;
                let lab = Lab::on(server.create_database()?)?;
                found.push(Self { lab, server: Some(server) });
            }
        }
        Ok(found)
    }

    fn remove(&mut self) -> Result<()> {
        match &mut self.server {
            Some(server) => server.kill(),
            None => Ok(fs::rename(self.lab.db_path(), self.aside())?),
        }
    }

    fn bring_back(&mut self) -> Result<()> {
        match &mut self.server {
            Some(server) => server.restart(),
            None => Ok(fs::rename(self.aside(), self.lab.db_path())?),
        }
    }

    fn aside(&self) -> std::path::PathBuf {
        self.lab.path().join("aside.db")
    }
}

#[test]
fn a_node_goes_on_without_its_database_and_writes_when_it_is_back() -> Result<()> {
    for mut removable in
        Removable::each("away::a_node_goes_on_without_its_database_and_writes_when_it_is_back")?
    {
        let at = removable.lab.add_nodes(2)?;
        let exporter = free_address()?;
        let more = format!("\n[metrics]\nlisten = \"{exporter}\"\n");
        let mode =
            "persistent_mode = 1\nauto_reload = \"200ms\"\ndb_connect_timeout = \"2s\"\n\n[bin]";
        let config = removable.lab.config(1, at[0], &more).replace("\n[bin]", mode);
        let b = removable.lab.start(2, &removable.lab.config(2, at[1], ""))?;
        let a = removable.lab.start(1, &config)?;
        assert_eq!((a.state_of(2)?, stored_state(&removable.lab, 2)?.as_str()), (1, "1"));
        let is_up =
            |up: f64| Ok((value(&scrape(exporter)?, "clusterer_db_up") == up).then_some(()));
        wait_for("the database is up", PATIENCE, || is_up(1.0))?;

        removable.remove()?;
        wait_for("that it is away is seen", PATIENCE, || is_up(0.0))?;
        assert_eq!(a.mi_text("clusterer_reload", &[])?, "500 Failed to reload\n\n");
        a.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
        assert_eq!(a.state_of(2)?, 0);
        a.mi_ok("clusterer_set_status", &["1", "2", "1", "bin"])?;
        drop(b);
        a.wait_state(2, 2)?;

        removable.bring_back()?;
        let lab = &removable.lab;
        wait_for("that it is back is seen", 3 * PATIENCE, || is_up(1.0))?;
        wait_for("what waited is written", 3 * PATIENCE, || {
            Ok((stored_state(lab, 2)? == "2").then_some(()))
        })?;
        sql(lab, "UPDATE clusterer SET state = 0 WHERE machine_id = 2;")?;
        // Also where nobody tells of changes: what is to be written next finds it.
        wait_for("changes arrive again", PATIENCE, || Ok((a.state_of(2)? == 0).then_some(())))
            .with_context(|| a.log())?;
    }
    Ok(())
}

#[test]
fn a_database_that_stays_away_is_given_up_within_its_time() -> Result<()> {
    const PATIENT: &str = "[clusterer]\ndb_connect_timeout = \"2s\"";
    for mut removable in
        Removable::each("away::a_database_that_stays_away_is_given_up_within_its_time")?
    {
        let at = removable.lab.add_nodes(1)?;
        // A file that is not there is no database that is away: it says at once how to make one.
        let _locked = match removable.server {
            Some(_) => {
                removable.remove()?;
                None
            }
            None => Some(lock(&removable.lab)?),
        };
        let config = removable.lab.config(1, at[0], "").replace("[clusterer]", PATIENT);
        let begin = Instant::now();
        let mut daemon = Starting::spawn(&removable.lab, &config, "-n 1024")?;
        let status = daemon.wait_end()?;
        let (took, log) = (begin.elapsed(), daemon.log());
        assert_eq!(status.code(), Some(2), "{log}");
        assert!(log.contains("trying again"), "{log}");
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("node-1.toml:") && last.contains("clusterer.db_url"), "{log}");
        assert!(took > Duration::from_secs(1), "{took:?} is no patience:\n{log}");
    }
    Ok(())
}

/// A wrong path is likelier than a mount that comes late.
#[test]
fn a_sqlite_file_that_is_not_there_is_not_waited_for() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let patient = "[clusterer]\ndb_connect_timeout = \"1h\"";
    let config = lab.config(1, at[0], "").replace("[clusterer]", patient);
    let file = lab.db_path();
    for (missing, advice) in [
        (file.with_file_name("missing.db"), "create it with `clustererctl db init"),
        (file.with_file_name("missing").join("it.db"), "make it first"),
    ] {
        let url = format!("sqlite:{}", missing.display());
        let mut daemon = Starting::spawn(&lab, &config.replace(&lab.db_url(), &url), "-n 1024")?;
        let status = daemon.wait_end()?;
        let log = daemon.log();
        assert_eq!((status.code(), log.lines().count()), (Some(2), 1), "{log}");
        assert!(log.contains(advice), "{log}");
    }
    Ok(())
}

#[test]
fn a_server_that_is_started_late_is_waited_for() -> Result<()> {
    for mut removable in Removable::each("away::a_server_that_is_started_late_is_waited_for")? {
        if removable.server.is_none() {
            continue;
        }
        let at = removable.lab.add_nodes(1)?;
        removable.remove()?;
        let patient = "[clusterer]\ndb_connect_timeout = \"1m\"";
        let config = removable.lab.config(1, at[0], "").replace("[clusterer]", patient);
        let daemon = Starting::spawn(&removable.lab, &config, "-n 1024")?;
        wait_for("it says that it waits", PATIENCE, || {
            Ok(daemon.log().contains("trying again").then_some(()))
        })?;
        removable.bring_back()?;
        wait_for("it runs", PATIENCE, || Ok(daemon.log().contains("running").then_some(())))?;
    }
    Ok(())
}
