//! The tables equal those of OpenSIPS 2.2, and what is no such table is told in one clear line.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_db::{Finding, NewNode, TableNames};
use clusterer_node::{StoreError, UnixTime};

fn columns(fixture: &Fixture, table: &str) -> Vec<String> {
    fixture.texts(&format!(
        "SELECT concat_ws(' ', column_name, data_type, character_maximum_length, is_nullable,
            column_default)
         FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
    ))
}

#[test]
fn the_tables_are_those_of_opensips() {
    needs_server!(the_tables_are_those_of_opensips);
    let fixture = Fixture::new();
    assert_eq!(
        columns(&fixture, "clusterer"),
        [
            "id integer NO nextval('clusterer_id_seq'::regclass)",
            "cluster_id integer NO",
            "machine_id integer NO",
            "url character varying 64 NO",
            "state integer NO 1",
            "last_attempt bigint NO 0",
            "failed_attempts integer NO 3",
            "no_tries integer NO 0",
            "duration integer NO 30",
            "description character varying 64 YES NULL::character varying",
        ]
    );
    assert_eq!(
        columns(&fixture, "version"),
        ["table_name character varying 32 NO", "table_version integer NO 0"]
    );
    assert_eq!(
        fixture.texts("SELECT concat_ws(' ', table_name, table_version) FROM version"),
        ["clusterer 1"]
    );
    assert_eq!(
        fixture.texts(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN
                ('clusterer'::regclass, 'version'::regclass) AND contype IN ('p', 'u') ORDER BY 1"
        ),
        ["PRIMARY KEY (id)", "UNIQUE (cluster_id, machine_id)", "UNIQUE (table_name)"]
    );
    assert_eq!(
        fixture.texts("SELECT concat_ws(' ', max_value, cycle) FROM pg_sequences"),
        ["2147483647 t"]
    );
}

/// As OpenSIPS' script for PostgreSQL declares it, and by hand with other words and another order.
#[test]
fn a_table_made_by_others_is_accepted_as_it_is() {
    needs_server!(a_table_made_by_others_is_accepted_as_it_is);
    for create in [
        "CREATE TABLE version (table_name VARCHAR(32) NOT NULL,
            table_version INTEGER DEFAULT 0 NOT NULL, CONSTRAINT t_name_idx UNIQUE (table_name));
         CREATE TABLE clusterer (id SERIAL PRIMARY KEY NOT NULL, cluster_id INTEGER NOT NULL,
            machine_id INTEGER NOT NULL, url VARCHAR(64) NOT NULL, state INTEGER DEFAULT 1 NOT NULL,
            last_attempt BIGINT DEFAULT 0 NOT NULL, failed_attempts INTEGER DEFAULT 3 NOT NULL,
            no_tries INTEGER DEFAULT 0 NOT NULL, duration INTEGER DEFAULT 30 NOT NULL,
            description VARCHAR(64) DEFAULT NULL,
            CONSTRAINT clusterer_idx UNIQUE (cluster_id, machine_id));
         ALTER SEQUENCE clusterer_id_seq MAXVALUE 2147483647 CYCLE",
        "CREATE TABLE VERSION (table_name TEXT, table_version BIGINT);
         CREATE TABLE CLUSTERER (URL CHAR(64), Cluster_ID SMALLINT, machine_id NUMERIC(10), owner INET,
            id BIGINT GENERATED ALWAYS AS IDENTITY, state SMALLINT DEFAULT 1,
            last_attempt NUMERIC DEFAULT 0, failed_attempts INTEGER DEFAULT 3,
            no_tries INTEGER DEFAULT 0, duration INTEGER DEFAULT 30, description TEXT);
         CREATE UNIQUE INDEX pair ON clusterer (machine_id, cluster_id)",
    ] {
        let fixture = Fixture::empty();
        fixture.sql(create);
        fixture.sql("INSERT INTO version VALUES ('dialog', 7), ('clusterer', 1)");
        let before = columns(&fixture, "clusterer");
        assert_eq!(fixture.admin().init().unwrap().to_string(), "everything is there already");
        assert_eq!(columns(&fixture, "clusterer"), before);
        fixture.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
        assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
        assert_eq!(wait(fixture.store().load()).unwrap(), [node(1)]);
    }
}

#[test]
fn what_is_no_such_table_says_what_to_do() {
    needs_server!(what_is_no_such_table_says_what_to_do);
    const CREATE: &str = "create it with `clustererctl db init --db-url 'URL'`";
    let cases = [
        (
            "UPDATE version SET table_version = 4",
            "table clusterer has version 4, version 1 is needed: set db_url and db_table to a table \
             of that version"
                .to_owned(),
        ),
        (
            "DROP TABLE version",
            format!(
                "the version table says nothing about table clusterer, version 1 is needed: {CREATE}"
            ),
        ),
        ("DROP TABLE clusterer", format!("there is no table clusterer: {CREATE}")),
        (
            "CREATE SCHEMA away; ALTER TABLE clusterer SET SCHEMA away",
            format!("there is no table clusterer: {CREATE}"),
        ),
        (
            "ALTER TABLE clusterer DROP COLUMN no_tries",
            "table clusterer has no column no_tries (no_tries_col is set to that): set no_tries_col \
             to the column's name, or add the column"
                .to_owned(),
        ),
        (
            // Quoted with another case, it is another name: OpenSIPS would not find it either.
            "ALTER TABLE clusterer RENAME url TO \"URL\"",
            "table clusterer has no column url (url_col is set to that): set url_col to the column's \
             name, or add the column"
                .to_owned(),
        ),
    ];
    for (sql, expected) in cases {
        let fixture = Fixture::with(&[node(1)]);
        let store = fixture.store();
        fixture.sql(sql);
        let check = |what: &str, error: StoreError| {
            assert!(matches!(error, StoreError::Schema(_)), "{what} after {sql}: {error:?}");
            assert_eq!(fixture.plain(&error), format!("URL: {expected}"), "{what} after {sql}");
        };
        check("open", fixture.open_error());
        check("load", wait(store.load()).unwrap_err());
        check("list", fixture.admin().list().unwrap_err());
    }
}

#[test]
fn the_table_is_found_where_the_search_path_leads() {
    needs_server!(the_table_is_found_where_the_search_path_leads);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql(&format!(
        "CREATE SCHEMA sip; ALTER TABLE clusterer SET SCHEMA sip; ALTER TABLE version SET SCHEMA sip;
         ALTER DATABASE {} SET search_path = nowhere, sip",
        fixture.name
    ));
    assert_eq!(wait(fixture.store().load()).unwrap(), [node(1)]);
    assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
}

#[test]
fn names_from_the_configuration_are_used_everywhere() {
    needs_server!(names_from_the_configuration_are_used_everywhere);
    // Words of SQL, so that one that is not quoted is an error, in any case.
    let fixture = Fixture::named(&[
        ("db_table", "Select"),
        ("clusterer_id_col", "PRIMARY"),
        ("cluster_id_col", "group"),
        ("machine_id_col", "order"),
        ("url_col", "from"),
        ("state_col", "where"),
        ("last_attempt_col", "when"),
        ("failed_attempts_col", "limit"),
        ("no_tries_col", "user"),
        ("duration_col", "all"),
        ("description_col", "table"),
    ]);
    let admin = fixture.admin();
    admin.init().unwrap();
    assert_eq!(admin.add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap().get(), 1);
    assert_eq!(admin.check(UnixTime::ZERO).unwrap(), []);
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let change = crate::conformance::change(1, clusterer_node::State::Probing, 1, 9);
    assert_eq!(wait(store.flush(&[change])).unwrap().written, 1);
    let stored = "SELECT concat_ws(' ', \"where\", \"user\", \"when\") FROM \"select\"";
    assert_eq!(fixture.texts(stored), ["2 1 9"]);
}

#[test]
fn the_longest_names_fit() {
    needs_server!(the_longest_names_fit);
    let (table, id): (&str, &str) = (&"t".repeat(63), &"i".repeat(63));
    let mut fixture = Fixture::empty();
    let names = TableNames::new([("db_table", table), ("clusterer_id_col", id)]).unwrap();
    fixture.options = fixture.options.clone().names(names);
    // The version table takes 32 characters of a table's name.
    let error = fixture.admin().init().unwrap_err();
    assert!(error.to_string().contains("value too long for type character varying(32)"), "{error}");
    let names = TableNames::new([("db_table", &table[..32]), ("clusterer_id_col", id)]).unwrap();
    fixture.options = fixture.options.clone().names(names);
    fixture.admin().init().unwrap();
    assert_eq!(fixture.texts("SELECT concat_ws(' ', cycle) FROM pg_sequences"), ["t"]);
}

#[test]
fn only_an_index_over_both_ids_of_every_row_keeps_them_unique() {
    needs_server!(only_an_index_over_both_ids_of_every_row_keeps_them_unique);
    let fixture = Fixture::lax(&node(1));
    let found = |index: &str| {
        fixture.sql(&format!("DROP INDEX IF EXISTS i; CREATE {index}"));
        let found = fixture.admin().check(UnixTime::ZERO).unwrap();
        found.iter().filter(|finding| matches!(finding, Finding::NoUniqueKey { .. })).count()
    };
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id, cluster_id)"), 0);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id, cluster_id) INCLUDE (url)"), 0);
    assert_eq!(found("INDEX i ON clusterer (cluster_id, machine_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id) INCLUDE (cluster_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, machine_id, url)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, (machine_id + 0))"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, machine_id) WHERE state = 1"), 1);
}
