//! The tables on real servers: made by the database's own client, by `clustererctl`, and used by whoever
//! has exactly the grants that docs/databases.md says.

use anyhow::{Context as _, Result, bail, ensure};
use clusterer_tests::servers::{Access, Database, Kind};
use clusterer_tests::{Lab, NodeRow, PATIENCE, free_address, program, wait_for};
use std::fs;
use std::process::{Command, Output};

/// The servers that the programs work with.
const SERVERS: [Server; 2] = [
    Server { kind: Kind::Postgres, name: "PostgreSQL", scheme: "postgres" },
    Server { kind: Kind::MariaDb, name: "MySQL", scheme: "mysql" },
];

#[derive(Clone, Copy)]
struct Server {
    kind: Kind,
    /// What the documentation calls it.
    name: &'static str,
    /// That of its URLs, which is also the name of its script.
    scheme: &'static str,
}

/// Does this on a new database of each server; a skip for each that is not there.
fn on_each(test: &str, work: impl Fn(Database, Server) -> Result<()>) -> Result<()> {
    for server in SERVERS {
        if let Some(access) = Access::for_test(&format!("tables::{test}"), server.kind)? {
            work(access.create_database()?, server).with_context(|| server.name)?;
        }
    }
    Ok(())
}

fn db(command: &str, url: &str, more: &[&str]) -> Result<Output> {
    let mut program = Command::new(program("clustererctl")?);
    Ok(program.args(["db", command, "--db-url", url]).args(more).output()?)
}

/// What a successful run prints, without what shows the URL.
fn done(command: &str, url: &str, more: &[&str]) -> Result<String> {
    let output = db(command, url, more)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "db {command} {more:?}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

fn refused(command: &str, url: &str, more: &[&str]) -> Result<String> {
    let output = db(command, url, more)?;
    ensure!(output.status.code() == Some(1), "db {command} {more:?}: {output:?}");
    Ok(String::from_utf8(output.stderr)?)
}

fn checked(url: &str) -> Result<()> {
    let found = done("check", url, &[])?;
    ensure!(found.ends_with(": ok\n"), "{found}");
    Ok(())
}

const NODE: [&str; 6] = ["--cluster-id", "1", "--machine-id", "2", "--url", "bin:192.168.0.6:5566"];

#[test]
fn the_scripts_in_deploy_make_tables_in_which_nothing_is_wrong() -> Result<()> {
    on_each("the_scripts_in_deploy_make_tables_in_which_nothing_is_wrong", |database, server| {
        let script = deployed(server.scheme)?;
        database.run(&script)?;
        checked(&database.url())?;
        assert!(
            done("init", &database.url(), &[])?.ends_with(": everything is there already\n"),
            "init makes the same"
        );
        done("add", &database.url(), &NODE)?;
        let error = database.run(&script).unwrap_err().to_string();
        assert!(error.contains("already exists"), "{error}");
        assert_eq!(database.run("SELECT machine_id FROM clusterer;")?, "2");
        Ok(())
    })?;

    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cluster.db");
    rusqlite::Connection::open(&path)?.execute_batch(&deployed("sqlite")?)?;
    checked(&format!("sqlite:{}", path.display()))
}

#[test]
fn nodes_are_administered_on_a_server() -> Result<()> {
    on_each("nodes_are_administered_on_a_server", |database, _| {
        let url = &database.url();
        assert!(refused("list", url, &[])?.contains("there is no table clusterer"));
        assert!(done("init", url, &[])?.ends_with(
            ": created the table of the nodes, the version table, the version of the table\n"
        ));
        assert_eq!(done("add", url, &NODE)?, "added cluster 1 machine 2 as row 1\n");
        let duplicate = "clustererctl: cluster 1 machine 2 exists already, in row 1\n";
        assert_eq!(refused("add", url, &NODE)?, duplicate);
        let listed: serde_json::Value = serde_json::from_str(&done("list", url, &["--json"])?)?;
        assert_eq!(
            listed,
            serde_json::json!([{
                "id": 1, "cluster_id": 1, "machine_id": 2, "url": "bin:192.168.0.6:5566", "state": 1,
                "last_attempt": 0, "failed_attempts": 3, "no_tries": 0, "duration": 30,
                "description": null,
            }])
        );
        checked(url)?;
        database.run("UPDATE clusterer SET state = 7;")?;
        let output = db("check", url, &[])?;
        assert_eq!(output.status.code(), Some(1));
        let found = String::from_utf8(output.stdout)?;
        assert_eq!(found, "error: row 1: column state is 7, must be 0, 1 or 2\n");
        assert_eq!(done("remove", url, &NODE[..4])?, "removed cluster 1 machine 2\n");
        assert_eq!(
            refused("remove", url, &NODE[..4])?,
            "clustererctl: there is no cluster 1 machine 2\n"
        );
        Ok(())
    })
}

#[test]
fn the_plan_of_init_to_4_is_a_script_for_the_client() -> Result<()> {
    on_each("the_plan_of_init_to_4_is_a_script_for_the_client", |database, _| {
        let url = &database.url();
        done("init", url, &[])?;
        done("add", url, &[&NODE[..], &["--description", "Node 'B' \\ \\' --"]].concat())?;
        let select =
            "SELECT id, cluster_id, node_id, url, state, no_ping_retries, priority, description
                      FROM clusterer_v4;";
        let plan = done("init", url, &["--to", "4"])?;
        assert!(database.run(select).is_err(), "nothing was changed");
        database.run(&plan)?;
        let by_client = database.run(select)?;
        assert!(by_client.contains("bin:192.168.0.6:5566"), "{by_client}");

        database.run("DROP TABLE clusterer_v4; DELETE FROM version WHERE table_version = 4;")?;
        let written = done("init", url, &["--to", "4", "--write"])?;
        let statements = |script: &str| -> String {
            script.lines().skip(1).map(|line| format!("{line}\n")).collect()
        };
        assert_eq!(statements(&written), statements(&plan), "what was planned was done");
        assert_eq!(database.run(select)?, by_client);
        let versions = "SELECT table_name, table_version FROM version ORDER BY 2;";
        let versions = database.run(versions)?.replace('\t', "|");
        assert_eq!(versions, "clusterer|1\nclusterer_v4|4");
        assert!(refused("init", url, &["--to", "4", "--write"])?.contains("is there already"));
        Ok(())
    })
}

/// Somebody with the rights that docs/databases.md grants under this heading.
struct Role<'a> {
    database: &'a Database,
    server: Server,
    name: String,
}

impl<'a> Role<'a> {
    fn granted(database: &'a Database, server: Server, heading: &str, role: &str) -> Result<Self> {
        let text = fs::read_to_string(repository("docs/databases.md"))?;
        let begin = format!("```sql\n-- {}: {heading}\n", server.name);
        let (_, block) = text.split_once(&begin).with_context(|| format!("no block {heading}"))?;
        let (block, _) = block.split_once("```").context("the block ends")?;
        ensure!(block.contains(role), "{role} is in {block}");
        // Users are the whole server's.
        let name = format!("{role}_{}", database.name().trim_start_matches("test_"));
        let block = block.replace(role, &name);
        database.run(&block.replace("opensips.", &format!("{}.", database.name())))?;
        Ok(Self { database, server, name })
    }

    fn url(&self) -> String {
        let url = self.database.url();
        let (before, address) = url.rsplit_once('@').unwrap_or_default();
        let scheme = before.split("//").next().unwrap_or_default();
        format!("{scheme}//{}:secret@{address}", self.name)
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        // Nothing is left over but the name of somebody who may do nothing.
        let name = &self.name;
        let _ = self.database.run(&match self.server.kind {
            Kind::MariaDb => format!("DROP USER {name};"),
            Kind::Postgres => format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name};"),
        });
    }
}

#[test]
fn a_node_needs_no_more_than_its_grants() -> Result<()> {
    on_each("a_node_needs_no_more_than_its_grants", |database, server| {
        let lab = Lab::on(database)?;
        let (own, away) = (free_address()?, free_address()?);
        lab.add(&NodeRow::new(1, 1, own))?;
        lab.add(&NodeRow { duration: 60, ..NodeRow::new(1, 2, away) })?;
        let database = lab.database().context("it is on a server")?;
        let role = Role::granted(database, server, "a node", "clusterer_node")?;
        let config = lab
            .config(1, own, "")
            .replace(&lab.db_url(), &role.url())
            .replace("[bin]", "persistent_mode = true\n\n[bin]");
        let mut daemon = lab.start(1, &config)?;
        wait_for("the peer that is away is disabled in the table", PATIENCE, || {
            let status =
                database.run("SELECT state, no_tries FROM clusterer WHERE machine_id = 2;")?;
            Ok((status.replace('\t', "|") == "2|3").then_some(()))
        })?;
        daemon.mi_ok("clusterer_reload", &[])?;
        assert_eq!(daemon.state_of(2)?, 2);
        daemon.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
        assert!(daemon.terminate()?.success());
        assert_eq!(database.run("SELECT state FROM clusterer WHERE machine_id = 2;")?, "0");

        let error =
            refused("add", &role.url(), &["--cluster-id", "1", "--machine-id", "3", "--url", "a"])?;
        assert!(error.contains("denied"), "{error}");
        for sql in
            ["UPDATE clusterer SET url = 'x'", "DELETE FROM clusterer", "DELETE FROM version"]
        {
            denied(&role, sql)?;
        }
        Ok(())
    })
}

#[test]
fn an_administrator_needs_no_more_than_the_grants() -> Result<()> {
    on_each("an_administrator_needs_no_more_than_the_grants", |database, server| {
        done("init", &database.url(), &[])?;
        let heading = "clustererctl db add, remove, list, check";
        let role = Role::granted(&database, server, heading, "clusterer_admin")?;
        let url = &role.url();
        done("add", url, &NODE)?;
        assert_eq!(done("list", url, &[])?.lines().count(), 2);
        checked(url)?;
        done("init", url, &[])?;
        done("remove", url, &NODE[..4])?;
        assert!(refused("init", url, &["--db-table", "other"])?.contains("denied"));
        Ok(())
    })
}

#[test]
fn who_makes_the_tables_needs_no_more_than_the_grants() -> Result<()> {
    on_each("who_makes_the_tables_needs_no_more_than_the_grants", |database, server| {
        // As OpenSIPS left it.
        let script = deployed(server.scheme)?;
        let version = script.split(';').find(|statement| statement.contains("version"));
        database.run(&format!("{};", version.context("it makes the version table")?))?;
        let heading =
            "clustererctl db init in a database with OpenSIPS' version table, and db init --to 4";
        let role = Role::granted(&database, server, heading, "clusterer_init")?;
        let url = &role.url();
        done("init", url, &[])?;
        checked(url)?;
        done("init", url, &["--to", "4", "--write"])?;
        Ok(())
    })
}

/// The server does not let this role do it.
fn denied(role: &Role<'_>, sql: &str) -> Result<()> {
    let access = Access::parse(role.server.kind, &role.url())?;
    match access.run(&format!("{sql};")) {
        Ok(_) => bail!("{sql} was done"),
        Err(error) if error.to_string().contains("denied") => Ok(()),
        Err(error) => Err(error),
    }
}

fn deployed(scheme: &str) -> Result<String> {
    Ok(fs::read_to_string(repository(&format!("deploy/sql/{scheme}.sql")))?)
}

fn repository(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}
