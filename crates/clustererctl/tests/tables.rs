//! `clustererctl db schema`, what it prints being what `deploy/sql` holds (`UPDATE_EXPECT=1 cargo test -p
//! clustererctl` writes it), and `db init --to 4`.
#![allow(clippy::panic, clippy::unwrap_used)]

use assert_cmd::Command;
use expect_test::{ExpectFile, expect, expect_file};
use rusqlite::Connection;
use std::path::Path;
use tempfile::TempDir;

fn db(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"));
    let output = command.arg("db").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a successful run prints.
fn done(args: &[&str]) -> String {
    let (code, out, err) = db(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[test]
fn the_scripts_in_deploy_are_current() {
    let check = |scheme: &str, file: ExpectFile| file.assert_eq(&done(&["schema", scheme]));
    check("mysql", expect_file!["../../../deploy/sql/mysql.sql"]);
    check("postgres", expect_file!["../../../deploy/sql/postgres.sql"]);
    check("sqlite", expect_file!["../../../deploy/sql/sqlite.sql"]);
}

/// Everything that SQLite knows of the tables in a file.
fn known(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT concat_ws(' ', tables.name, columns.name, columns.type, \"notnull\", dflt_value, pk)
             FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
             UNION ALL
             SELECT concat_ws(' ', tables.name, list.\"unique\", info.name)
             FROM sqlite_master AS tables, pragma_index_list(tables.name) AS list,
                 pragma_index_info(list.name) AS info
             UNION ALL SELECT concat_ws(' ', table_name, table_version) FROM version",
        )
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_script_makes_what_init_makes() {
    let directory = TempDir::new().unwrap();
    let [script, init] = ["script.db", "init.db"].map(|name| directory.path().join(name));
    for names in [&[][..], &["--db-table", "nodes", "--column", "url_col=address"]] {
        Connection::open(&script)
            .unwrap()
            .execute_batch(&done(&[&["schema", "sqlite"], names].concat()))
            .unwrap();
        done(&[&["init", "--db-url", &url(&init)], names].concat());
        assert_eq!(known(&script), known(&init), "{names:?}");
        let out = done(&[&["check", "--db-url", &url(&script)], names].concat());
        assert_eq!(out, format!("{}: ok\n", url(&script)));
    }
}

#[test]
fn a_script_changes_nothing_where_the_table_is() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("cluster.db");
    done(&["init", "--db-url", &url(&path)]);
    let before = known(&path);
    let error =
        Connection::open(&path).unwrap().execute_batch(&done(&["schema", "sqlite"])).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    assert_eq!(known(&path), before);
}

#[test]
fn a_database_that_nobody_knows_has_no_script() {
    let (code, out, err) = db(&["schema", "oracle"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("possible values: sqlite, postgres, mysql"), "{err}");
}

/// A file with three nodes, of which two can be taken over.
fn three_nodes() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("cluster.db");
    let url = url(&path);
    done(&["init", "--db-url", &url]);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO clusterer (cluster_id, machine_id, url, state, description) VALUES
                (1, 1, 'bin:192.168.0.5:5566', 1, 'Node ''A'''),
                (1, 2, 'bin:192.168.0.6:5566', 2, NULL),
                (1, 3, 'sip:' || char(10) || 'DROP TABLE clusterer;', 1, NULL)",
        )
        .unwrap();
    (directory, url)
}

#[test]
fn init_to_4_only_says_what_it_would_do() {
    let (directory, url) = three_nodes();
    let path = directory.path().join("cluster.db");
    let before = known(&path);
    let out = done(&["init", "--db-url", &url, "--to", "4"]);
    expect![[r#"
        -- sqlite:DIR/cluster.db: not written, for that repeat it with --write
        BEGIN;
        CREATE TABLE "clusterer_v4" (
            "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
            "cluster_id" INTEGER NOT NULL,
            "node_id" INTEGER NOT NULL,
            "url" CHAR(64) NOT NULL,
            "state" INTEGER DEFAULT 1 NOT NULL,
            "no_ping_retries" INTEGER DEFAULT 3 NOT NULL,
            "priority" INTEGER DEFAULT 50 NOT NULL,
            "sip_addr" CHAR(64) DEFAULT NULL,
            "flags" CHAR(64) DEFAULT NULL,
            "description" CHAR(64) DEFAULT NULL,
            UNIQUE ("cluster_id", "node_id")
        );
        -- row 1: cluster 1 machine 1
        INSERT INTO "clusterer_v4" ("cluster_id", "node_id", "url", "state", "no_ping_retries", "description") VALUES (1, 1, 'bin:192.168.0.5:5566', 1, 3, 'Node ''A''');
        -- row 2: cluster 1 machine 2, state 2 becomes 1
        INSERT INTO "clusterer_v4" ("cluster_id", "node_id", "url", "state", "no_ping_retries", "description") VALUES (1, 2, 'bin:192.168.0.6:5566', 1, 3, NULL);
        -- row 3 is left out: column url: "sip:\nDROP TABLE clusterer;": unknown protocol (want bin, hep_tcp, hep_udp, sctp, tcp, tls, udp, ws or wss)
        INSERT INTO "version" (table_name, table_version) VALUES ('clusterer_v4', 4);
        COMMIT;
        -- 2 of 3 rows taken over into clusterer_v4. For nodes of OpenSIPS 3.x and 4.x: set their db_table to it, and on one node of each cluster the column flags to 'seed'.
    "#]]
    .assert_eq(&out.replace(directory.path().to_str().unwrap(), "DIR"));
    assert_eq!(known(&path), before);
    // What it says can be given to the client.
    Connection::open(&path).unwrap().execute_batch(&out).unwrap();
    assert_ne!(known(&path), before);
}

#[test]
fn init_to_4_writes_when_told_to_and_never_twice() {
    let (directory, url) = three_nodes();
    let args = ["init", "--db-url", &url, "--to", "4", "--into", "later", "--write"];
    let out = done(&args);
    assert!(out.starts_with(&format!("-- {url}: written\n")), "{out}");
    let path = directory.path().join("cluster.db");
    let after = known(&path);
    for args in [&args[..], &args[..7]] {
        let (code, out, err) = db(args);
        assert_eq!((code, out.as_str()), (1, ""));
        assert_eq!(
            err,
            "clustererctl: table later is there already, or the version table has a row for it: \
             nothing was written\n"
        );
    }
    assert_eq!(known(&path), after);
    assert_eq!(done(&["list", "--db-url", &url]).lines().count(), 4, "the old table stays");
}

#[test]
fn init_to_4_with_a_wrong_command_line() {
    let (directory, url) = three_nodes();
    let before = known(&directory.path().join("cluster.db"));
    let check = |more: &[&str], expected: &str| {
        let (code, out, err) = db(&[&["init", "--db-url", &url], more].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{more:?}: {err}");
        assert!(err.contains(expected), "{more:?}: {err}");
    };
    check(&["--to", "3"], "possible values: 4");
    check(&["--write"], "--to <VERSION>");
    check(&["--into", "later"], "--to <VERSION>");
    check(
        &["--to", "4", "--into", "clusterer"],
        "--into: \"clusterer\" cannot be the table to write",
    );
    check(&["--to", "4", "--into", "a b"], "--into: \"a b\" cannot be the table to write");
    assert_eq!(known(&directory.path().join("cluster.db")), before);
}
