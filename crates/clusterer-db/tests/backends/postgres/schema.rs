//! The tables equal those of OpenSIPS 2.2, and tables of others are used as they are.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use crate::shared::schema::{CREATE, is_accepted, is_unusable, keeps_unique};
use clusterer_node::UnixTime;
use clusterer_tests::conformance::{Provisioned, node, wait};

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
        is_accepted::<Fixture>(create, |fixture| columns(fixture, "clusterer"));
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
fn what_the_server_does_not_find_without_quotes_is_not_there() {
    needs_server!(what_the_server_does_not_find_without_quotes_is_not_there);
    let fixture = Fixture::new();
    is_unusable(
        &fixture,
        "CREATE SCHEMA away; ALTER TABLE clusterer SET SCHEMA away",
        &format!("there is no table clusterer: {CREATE}"),
    );
    // With another case it is another name: OpenSIPS would not find it either.
    is_unusable(
        &fixture,
        "ALTER TABLE clusterer RENAME url TO \"URL\"",
        "table clusterer has no column url (url_col is set to that): set url_col to the column's name, \
         or add the column",
    );
}

#[test]
fn an_index_keeps_what_it_is_over_unique_and_nothing_else() {
    needs_server!(an_index_keeps_what_it_is_over_unique_and_nothing_else);
    let fixture = Fixture::new();
    for (over, is_enough) in [
        ("(machine_id, cluster_id) INCLUDE (url)", true),
        ("(machine_id) INCLUDE (cluster_id)", false),
        ("(cluster_id, (machine_id + 0))", false),
        ("(cluster_id, machine_id) WHERE state = 1", false),
    ] {
        keeps_unique(&fixture, &format!("CREATE UNIQUE INDEX i ON clusterer {over}"), is_enough);
    }
}

#[test]
fn keys_of_the_longest_names_start_over_too() {
    needs_server!(keys_of_the_longest_names_start_over_too);
    let (table, id): (&str, &str) = (&"t".repeat(32), &"i".repeat(63));
    let fixture = Fixture::named([("db_table", table), ("clusterer_id_col", id)]);
    fixture.admin().init().unwrap();
    assert_eq!(fixture.texts("SELECT cycle FROM pg_sequences"), ["t"]);
}
