//! `clustererctl db init --notify`: only PostgreSQL has something to be made for it.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use clusterer_tests::servers::{Access, Database, Kind};
use tempfile::TempDir;

const TABLES: &str = "created the table of the nodes, the version table, the version of the table";
const NOTHING: &str = "everything is there already";

/// The exit code and both outputs of `db init`.
fn init(url: &str, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"));
    let output = command.args(["db", "init", "--db-url", url]).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a successful run prints behind the URL.
fn done(url: &str, more: &[&str]) -> String {
    let (code, out, err) = init(url, more);
    assert_eq!((code, err.as_str()), (0, ""), "{more:?}");
    let (shown, said) = out.rsplit_once(": ").unwrap();
    assert!(shown.contains("***") || shown.starts_with("sqlite:"), "{shown}");
    said.trim_end().to_owned()
}

/// A database of the server; `None` where there is none, which is reported.
fn database(test: &str, kind: Kind) -> Option<Database> {
    let access = Access::for_test(&format!("notify::{test}"), kind).unwrap();
    access.map(|access| access.create_database().unwrap())
}

/// The triggers of a PostgreSQL database, each with its table, and all tables.
fn triggers_and_tables(database: &Database) -> String {
    let triggers =
        "SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 2;";
    let tables = "SELECT relname FROM pg_class
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1;";
    format!("{}\n{}", database.run(triggers).unwrap(), database.run(tables).unwrap())
}

const TRIGGERS: &str = "clusterer|clusterer_notify\nclusterer|clusterer_notify_update";

#[test]
fn postgresql_is_told_to_tell_and_what_is_there_is_left_alone() {
    let test = "postgresql_is_told_to_tell_and_what_is_there_is_left_alone";
    let Some(database) = database(test, Kind::Postgres) else { return };
    let url = &database.url();
    assert_eq!(
        done(url, &["--notify"]),
        format!("{TABLES}, the triggers that tell of changes"),
        "everything in one go"
    );
    assert_eq!(done(url, &["--notify"]), NOTHING);
    database.run("DROP TRIGGER clusterer_notify ON clusterer;").unwrap();
    assert_eq!(done(url, &[]), NOTHING, "nobody asked for them");
    assert_eq!(done(url, &["--notify"]), "created the triggers that tell of changes");
    assert_eq!(triggers_and_tables(&database), format!("{TRIGGERS}\nclusterer\nversion"));
}

#[test]
fn other_databases_need_nothing_and_get_nothing() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("cluster.db");
    let url = format!("sqlite:{}", path.display());
    assert_eq!(done(&url, &["--notify"]), TABLES);
    assert_eq!(done(&url, &["--notify"]), NOTHING);
    let connection = rusqlite::Connection::open(path).unwrap();
    let triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'";
    assert_eq!(connection.query_row(triggers, [], |row| row.get::<_, i64>(0)), Ok(0));

    let test = "other_databases_need_nothing_and_get_nothing";
    let Some(database) = database(test, Kind::MariaDb) else { return };
    assert_eq!(done(&database.url(), &["--notify"]), TABLES);
    assert_eq!(done(&database.url(), &["--notify"]), NOTHING);
    assert_eq!(database.run("SHOW TRIGGERS;").unwrap(), "");
}

/// The later generation's nodes listen to nothing.
#[test]
fn notify_is_for_the_table_of_version_1_only() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite:{}", directory.path().join("cluster.db").display());
    for more in [&["--notify", "--to", "4"][..], &["--to", "4", "--write", "--notify"]] {
        let (code, out, err) = init(&url, more);
        assert_eq!((code, out.as_str()), (2, ""), "{more:?}");
        let [notify, to] =
            ["--notify", "--to <VERSION>"].map(|it| err.contains(&format!("'{it}'")));
        assert!(notify && to && err.contains("cannot be used with"), "{err}");
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "nothing was done");
}

#[test]
fn a_dry_run_leaves_triggers_where_they_are_and_makes_none() {
    let test = "a_dry_run_leaves_triggers_where_they_are_and_makes_none";
    let Some(database) = database(test, Kind::Postgres) else { return };
    let url = &database.url();
    done(url, &["--notify"]);
    let before = triggers_and_tables(&database);
    let (code, plan, err) = init(url, &["--to", "4"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(plan.contains("CREATE TABLE \"clusterer_v4\"") && !plan.contains("TRIGGER"), "{plan}");
    assert_eq!(triggers_and_tables(&database), before);

    let (code, _, err) = init(url, &["--to", "4", "--write"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        triggers_and_tables(&database),
        format!("{TRIGGERS}\nclusterer\nclusterer_v4\nversion")
    );
}
