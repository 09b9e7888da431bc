//! `clustererctl db` as a user runs it.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use assert_cmd::Command;
use expect_test::{Expect, expect};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A temporary directory in which the database is to be, or is.
struct Site {
    directory: TempDir,
}

impl Site {
    fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn with_tables() -> Self {
        let site = Self::empty();
        site.done("init", &[]);
        site
    }

    fn path(&self) -> String {
        self.directory.path().join("cluster.db").to_str().unwrap().to_owned()
    }

    fn run(&self, command: &str, more: &[&str]) -> (i32, String, String) {
        let url = format!("sqlite:{}", self.path());
        db(&[&[command, "--db-url", &url], more].concat())
    }

    /// What a successful run prints, with `DIR` for the directory.
    fn done(&self, command: &str, more: &[&str]) -> String {
        let (code, out, err) = self.run(command, more);
        assert_eq!((code, err.as_str()), (0, ""), "{command} {more:?}");
        self.plain(&out)
    }

    /// The one line that a failing run says.
    fn refused(&self, command: &str, more: &[&str], code: i32, expected: &Expect) {
        let (got, out, err) = self.run(command, more);
        assert_eq!((got, out.as_str()), (code, ""), "{command} {more:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        expected.assert_eq(&self.plain(&err));
    }

    fn add(&self, machine: u8) -> String {
        let machine = machine.to_string();
        let url = format!("bin:192.168.0.{machine}:5566");
        self.done("add", &["--cluster-id", "1", "--machine-id", &machine, "--url", &url])
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.done("list", &["--json"])).unwrap()
    }

    fn sql(&self, statements: &str) {
        Connection::open(self.path()).unwrap().execute_batch(statements).unwrap();
    }

    fn plain(&self, text: &str) -> String {
        text.replace(self.directory.path().to_str().unwrap(), "DIR")
    }
}

fn db(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"));
    let output = command.arg("db").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const NODE: [&str; 6] = ["--cluster-id", "1", "--machine-id", "2", "--url", "bin:192.168.0.6:5566"];
const KEY: [&str; 4] = ["--cluster-id", "1", "--machine-id", "2"];

#[test]
fn init_says_what_it_created_and_may_be_repeated() {
    let site = Site::empty();
    expect![[r#"
        sqlite:DIR/cluster.db: created the table of the nodes, the version table, the version of the table
    "#]]
    .assert_eq(&site.done("init", &[]));
    site.add(2);
    let again = site.done("init", &[]);
    assert_eq!(again, "sqlite:DIR/cluster.db: everything is there already\n");
    assert_eq!(site.json().as_array().unwrap().len(), 1);
}

#[test]
fn a_node_is_added_listed_and_removed() {
    let site = Site::with_tables();
    assert_eq!(site.done("add", &NODE), "added cluster 1 machine 2 as row 1\n");
    let more = ["--state", "0", "--failed-attempts", "5", "--duration", "60"];
    let third = ["--cluster-id", "1", "--machine-id", "3", "--url", "bin:[2001:db8::1]"];
    let described = ["--description", "Node \"C\""];
    let out = site.done("add", &[&third[..], &more, &described].concat());
    assert_eq!(out, "added cluster 1 machine 3 as row 2\n");
    expect![[r#"
        id  cluster_id  machine_id  url                   state  last_attempt  failed_attempts  no_tries  duration  description
        1   1           2           bin:192.168.0.6:5566  1      0             3                0         30        NULL
        2   1           3           bin:[2001:db8::1]     0      0             5                0         60        Node "C"
    "#]]
    .assert_eq(&site.done("list", &[]));
    assert_eq!(site.done("remove", &KEY), "removed cluster 1 machine 2\n");
    assert_eq!(
        site.json(),
        json!([{
            "id": 2, "cluster_id": 1, "machine_id": 3, "url": "bin:[2001:db8::1]", "state": 0,
            "last_attempt": 0, "failed_attempts": 5, "no_tries": 0, "duration": 60,
            "description": "Node \"C\"",
        }])
    );
}

#[test]
fn a_table_without_rows_lists_none() {
    let site = Site::with_tables();
    assert_eq!(site.json(), json!([]));
    assert_eq!(site.done("list", &[]).lines().count(), 1);
    assert_eq!(site.done("check", &[]), "sqlite:DIR/cluster.db: ok\n");
}

#[test]
fn what_the_database_refuses() {
    let site = Site::with_tables();
    site.add(2);
    let before = site.json();
    let duplicate = expect![[r#"
        clustererctl: cluster 1 machine 2 exists already, in row 1
    "#]];
    site.refused("add", &NODE, 1, &duplicate);
    let key = ["--cluster-id", "2", "--machine-id", "2"];
    let missing = expect![[r#"
        clustererctl: there is no cluster 2 machine 2
    "#]];
    site.refused("remove", &key, 1, &missing);
    assert_eq!(site.json(), before);
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let site = Site::empty();
    let expected = expect![[r#"
        clustererctl: sqlite:DIR/cluster.db: there is no such file: create it with `clustererctl db init --db-url 'sqlite:DIR/cluster.db'`
    "#]];
    site.refused("list", &[], 1, &expected);
    site.refused("check", &[], 1, &expected);
    site.refused("add", &NODE, 1, &expected);
    site.refused("remove", &KEY, 1, &expected);
    assert_eq!(site.directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_table_of_another_version_is_refused() {
    let site = Site::with_tables();
    site.sql("UPDATE version SET table_version = 4");
    let expected = expect![[r#"
        clustererctl: sqlite:DIR/cluster.db: table clusterer has version 4, version 1 is needed: set db_url and db_table to a table of that version
    "#]];
    site.refused("list", &[], 1, &expected);
    site.refused("add", &NODE, 1, &expected);
    site.refused("init", &[], 1, &expected);
    let (code, out, err) = site.run("check", &[]);
    assert_eq!((code, err.as_str()), (1, ""));
    assert_eq!(out, "fatal: table clusterer has version 4, version 1 is needed\n");
}

#[test]
fn values_that_no_column_takes_are_a_wrong_command_line() {
    let site = Site::with_tables();
    let check = |more: &[&str], expected: Expect| {
        site.refused("add", &[&KEY[..], more].concat(), 2, &expected);
    };
    check(
        &["--url", "bin:192.168.0.6:5566:"],
        expect![[r#"
            clustererctl: column url: "bin:192.168.0.6:5566:": too many colons (want [protocol:]host[:port], an IPv6 address in brackets)
        "#]],
    );
    check(
        &["--url", "bin:192.168.0.6", "--state", "7"],
        expect![[r#"
            clustererctl: column state is 7, must be 0, 1 or 2
        "#]],
    );
    check(
        &["--url", "bin:192.168.0.6", "--duration=-1"],
        expect![[r#"
            clustererctl: column duration is -1, must be a number from 0 to 2147483647
        "#]],
    );
    check(
        &["--url", "bin:192.168.0.6", "--description", &"x".repeat(65)],
        expect![[r#"
            clustererctl: column description would have 65 characters, at most 64 fit
        "#]],
    );
    assert_eq!(site.json(), json!([]));
}

#[test]
fn ids_out_of_range_are_a_wrong_command_line() {
    let site = Site::with_tables();
    for id in ["0", "x", "2147483648", ""] {
        let key = ["--cluster-id", "1", "--machine-id", id];
        for command in ["add", "remove"] {
            let (code, _, err) = site.run(command, &key);
            assert_eq!(code, 2, "{err}");
            assert!(err.contains("a whole number from 1 to 2147483647"), "{err}");
        }
    }
}

#[test]
fn a_wrong_url_is_told_without_its_password() {
    let check = |url: &str, expected: Expect| {
        let (code, out, err) = db(&["list", "--db-url", url]);
        assert_eq!((code, out.as_str()), (2, ""));
        expected.assert_eq(&err);
    };
    check(
        "oracle://scott:tiger@db/x",
        expect![[r#"
            clustererctl: --db-url: unknown kind of database (this build works with sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE)
        "#]],
    );
    check(
        "postgres://opensips:opensips@rw@db/opensips",
        expect![[r#"
            clustererctl: --db-url: an @, /, ? or # in a user name or a password is written with a percent sign (%40, %2F, %3F, %23)
        "#]],
    );
    check(
        "/var/lib/cluster.db",
        expect![[r#"
            clustererctl: --db-url: no database URL (this build works with sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE)
        "#]],
    );
    check(
        "sqlite:",
        expect![[r#"
            clustererctl: --db-url: the URL names no file (want sqlite:PATH or sqlite:///ABSOLUTE/PATH)
        "#]],
    );
    let (code, _, err) = db(&["list"]);
    assert_eq!(code, 2);
    assert!(err.contains("--db-url <URL>"), "{err}");
}

#[test]
fn the_table_and_its_columns_may_be_renamed() {
    let site = Site::empty();
    let renamed =
        ["--db-table", "nodes", "--column", "url_col=address", "--column", "state_col=up"];
    site.done("init", &renamed);
    site.done("add", &[&NODE[..], &renamed].concat());
    let (address, up): (String, i64) = Connection::open(site.path())
        .unwrap()
        .query_row("SELECT address, up FROM nodes", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((address.as_str(), up), ("bin:192.168.0.6:5566", 1));
    let listed = site.done("list", &[&["--json"][..], &renamed].concat());
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["url"], "bin:192.168.0.6:5566", "scripts see the default names");
    assert_eq!(site.done("check", &renamed), "sqlite:DIR/cluster.db: ok\n");
    site.done("remove", &[&KEY[..], &renamed].concat());
}

#[test]
fn names_that_cannot_be_used() {
    let site = Site::empty();
    let check = |more: &[&str], expected: Expect| site.refused("init", more, 2, &expected);
    check(
        &["--db-table", "a b"],
        expect![[r#"
            clustererctl: db_table: "a b" is no name (want letters, digits and underscores, no digit first)
        "#]],
    );
    check(
        &["--column", "url_col=state"],
        expect![[r#"
            clustererctl: state_col: "state" is also what url_col is set to
        "#]],
    );
    for setting in ["url_col", "url=address", "db_table=nodes"] {
        let (code, _, err) = site.run("init", &["--column", setting]);
        assert_eq!(code, 2);
        assert!(err.contains("clusterer_id_col, cluster_id_col, machine_id_col"), "{err}");
    }
    assert_eq!(site.directory.path().read_dir().unwrap().count(), 0);
}

/// A table of which OpenSIPS could not say more than that it is one.
const LAX: &str = "DROP TABLE clusterer;
    CREATE TABLE clusterer (id INTEGER, cluster_id INTEGER, machine_id INTEGER, url CHAR(64),
        state INTEGER DEFAULT 1, last_attempt BIGINT(64) DEFAULT 0, failed_attempts INTEGER DEFAULT 3,
        no_tries INTEGER DEFAULT 0, duration INTEGER DEFAULT 30, description CHAR(64));";

#[test]
fn check_tells_each_finding_with_its_severity() {
    let site = Site::with_tables();
    site.sql(LAX);
    site.sql("INSERT INTO clusterer VALUES (1, 1, 2, 'bin:192.168.0.6', 1, 0, 3, 0, 30, NULL)");
    let warning = expect![[r#"
        warning: table clusterer: column id does not number new rows by itself, so that none can be added without it
        warning: table clusterer has no unique index over (cluster_id, machine_id)
    "#]];
    warning.assert_eq(&site.done("check", &[]));

    site.sql(
        "INSERT INTO clusterer VALUES
            (2, 1, 3, 'bin:192.168.0.7:5566', 7, 0, 3, 0, 30, NULL),
            (3, 1, 4, 'bin:192.168.0.8:5566', 1, -9, 3, 0, 30, NULL),
            (4, 1, 2, 'bin:192.168.0.9:5566', 1, 0, 3, 0, 30, NULL)",
    );
    let (code, out, err) = site.run("check", &[]);
    assert_eq!((code, err.as_str()), (1, ""));
    expect![[r#"
        warning: table clusterer: column id does not number new rows by itself, so that none can be added without it
        warning: table clusterer has no unique index over (cluster_id, machine_id)
        error: row 2: column state is 7, must be 0, 1 or 2
        warning: row 3: last_attempt -9 is no time of the past: taken as 0
        error: row 4: another row has cluster 1 machine 2
    "#]]
    .assert_eq(&out);
}

#[test]
fn rows_that_are_not_what_they_should_be_are_listed_as_they_are() {
    let site = Site::with_tables();
    site.sql(LAX);
    site.sql(
        "INSERT INTO clusterer VALUES
            (NULL, 'one', 3, char(97, 10, 27) || '[2Jb', 1.5, 0, 3, x'00ff', 30, NULL)",
    );
    expect![[r#"
        id    cluster_id  machine_id  url            state         last_attempt  failed_attempts  no_tries  duration  description
        NULL  one         3           a\n\u{1b}[2Jb  (a fraction)  0             3                (a blob)  30        NULL
    "#]]
    .assert_eq(&site.done("list", &[]));
    assert_eq!(
        site.json(),
        json!([{
            "id": null, "cluster_id": "one", "machine_id": 3, "url": "a\n\u{1b}[2Jb",
            "state": {"unreadable": "a fraction"}, "last_attempt": 0, "failed_attempts": 3,
            "no_tries": {"unreadable": "a blob"}, "duration": 30, "description": null,
        }])
    );
}

#[test]
fn a_database_that_is_away_is_not_a_refusal() {
    for scheme in ["mysql", "postgres"] {
        let url = format!("{scheme}://user:secret@127.0.0.1:1/opensips");
        for command in [&["list"][..], &["check"], &["init"], &["init", "--to", "4"]] {
            let (code, out, err) = db(&[command, &["--db-url", &url]].concat());
            assert_eq!((code, out.as_str()), (3, ""), "{command:?}: {err}");
            assert!(!err.contains("secret"), "{err}");
        }
    }
}
