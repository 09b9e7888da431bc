//! What is no such table is told in one clear line.

use super::TestDatabase;
use clusterer_db::{Finding, NewNode};
use clusterer_node::{NodeKey, State, StoreError, UnixTime};
use clusterer_tests::conformance::{change, node, wait};

pub(crate) const CREATE: &str = "create it with `clustererctl db init --db-url 'URL'`";

pub(crate) fn what_is_no_such_table_says_what_to_do<D: TestDatabase>() {
    let no_version = format!(
        "the version table says nothing about table clusterer, version 1 is needed: {CREATE}"
    );
    let no_table = format!("there is no table clusterer: {CREATE}");
    let no_column = |column: &str, key: &str| {
        format!(
            "table clusterer has no column {column} ({key} is set to that): set {key} to the column's \
             name, or add the column"
        )
    };
    let other_version = "table clusterer has version 4, version 1 is needed: set db_url and db_table to \
                         a table of that version";
    let database = D::new();
    for (sql, expected) in [
        ("UPDATE version SET table_version = 4", other_version),
        ("DELETE FROM version", &no_version),
        ("DROP TABLE version", &no_version),
        ("DROP TABLE clusterer", &no_table),
        ("DROP TABLE clusterer; DROP TABLE version", &no_table),
        ("ALTER TABLE clusterer DROP COLUMN no_tries", &no_column("no_tries", "no_tries_col")),
        (
            "ALTER TABLE clusterer RENAME COLUMN id TO clusterer_id",
            &no_column("id", "clusterer_id_col"),
        ),
        ("ALTER TABLE clusterer RENAME COLUMN url TO uri", &no_column("url", "url_col")),
    ] {
        is_unusable(&database, sql, expected);
    }
}

/// What a table is said to lack after these statements, whatever is done with it.
pub(crate) fn is_unusable(database: &impl TestDatabase, sql: &str, expected: &str) {
    database.make_anew(&node(1));
    let store = database.open().unwrap();
    database.sql(sql);
    let check = |what: &str, error: StoreError| {
        assert!(matches!(error, StoreError::Schema(_)), "{what} after {sql}: {error:?}");
        assert_eq!(database.plain(&error), format!("URL: {expected}"), "{what} after {sql}");
    };
    check("open", database.open_error());
    check("load", wait(store.load()).unwrap_err());
    check("list", database.admin().list().unwrap_err());
}

pub(crate) fn names_from_the_configuration_are_used_everywhere<D: TestDatabase>() {
    // Words of SQL, so that one that is not quoted is an error, in any case.
    let database = D::named([
        ("db_table", "Select"),
        ("clusterer_id_col", "PRIMARY"),
        ("cluster_id_col", "group"),
        ("machine_id_col", "order"),
        ("url_col", "from"),
        ("state_col", "where"),
        ("last_attempt_col", "when"),
        ("failed_attempts_col", "limit"),
        ("no_tries_col", "set"),
        ("duration_col", "all"),
        ("description_col", "table"),
    ]);
    let admin = database.admin();
    admin.init().unwrap();
    assert_eq!(admin.add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap().get(), 1);
    assert_eq!(admin.check(UnixTime::ZERO).unwrap(), []);
    let store = database.open().unwrap();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    assert_eq!(wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap().written, 1);

    let table = database.tables().into_iter().find(|name| name.eq_ignore_ascii_case("select"));
    let quote = |name: &str| format!("{0}{name}{0}", D::QUOTE);
    let [state, tries, attempt] = ["where", "set", "when"].map(quote);
    let table = quote(&table.unwrap());
    let stored = format!("SELECT concat_ws(' ', {state}, {tries}, {attempt}) FROM {table}");
    assert_eq!(database.texts(&stored), ["2 1 9"]);

    let [cluster, machine] = ["1", "1"];
    admin
        .remove(NodeKey { cluster: cluster.parse().unwrap(), machine: machine.parse().unwrap() })
        .unwrap();
    assert_eq!(admin.list().unwrap(), []);
}

pub(crate) fn two_tables_in_one_database_have_a_version_each<D: TestDatabase>() {
    let database = D::with(&[node(1)]).renamed([("db_table", "second")]);
    let created = database.admin().init().unwrap();
    assert_eq!(created.to_string(), "created the table of the nodes, the version of the table");
    assert_eq!(wait(database.open().unwrap().load()).unwrap(), []);
    assert_eq!(database.texts("SELECT count(*) FROM clusterer"), ["1"]);
}

pub(crate) fn a_column_that_is_not_there_is_never_taken_for_a_text<D: TestDatabase>() {
    let database = D::with(&[node(1)]).renamed([("description_col", "comment")]);
    let error = database.open_error();
    assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
}

pub(crate) fn only_an_index_over_both_ids_of_every_row_keeps_them_unique<D: TestDatabase>() {
    let database = D::new();
    for (index, is_enough) in [
        ("UNIQUE INDEX i ON clusterer (machine_id, cluster_id)", true),
        ("UNIQUE INDEX i ON clusterer (Cluster_ID, MACHINE_ID)", true),
        ("INDEX i ON clusterer (cluster_id, machine_id)", false),
        ("UNIQUE INDEX i ON clusterer (machine_id)", false),
        ("UNIQUE INDEX i ON clusterer (cluster_id, machine_id, state)", false),
        ("UNIQUE INDEX i ON clusterer (cluster_id, state)", false),
    ] {
        keeps_unique(&database, &format!("CREATE {index}"), is_enough);
    }
}

/// Whether these statements make sure that no two rows are one node.
pub(crate) fn keeps_unique(database: &impl TestDatabase, sql: &str, expected: bool) {
    database.make_lax(&node(1));
    database.sql(sql);
    let found = database.admin().check(UnixTime::ZERO).unwrap();
    let lacks = found.iter().any(|finding| matches!(finding, Finding::NoUniqueKey { .. }));
    assert_eq!(!lacks, expected, "{sql}");
}

/// A table that somebody else has made, beside tables of others: it is used as it is. `columns` tells what the
/// database knows of it.
pub(crate) fn is_accepted<D: TestDatabase>(create: &str, columns: impl Fn(&D) -> Vec<String>) {
    let database = D::empty();
    database.sql(create);
    database.sql("INSERT INTO version VALUES ('dialog', 7), ('clusterer', 1)");
    let before = columns(&database);
    assert_eq!(database.admin().init().unwrap().to_string(), "everything is there already");
    assert_eq!(columns(&database), before);
    database.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    assert_eq!(database.admin().check(UnixTime::ZERO).unwrap(), []);
    assert_eq!(wait(database.open().unwrap().load()).unwrap(), [node(1)]);
}
