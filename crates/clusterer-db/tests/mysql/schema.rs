//! The tables equal those of OpenSIPS 2.2, and what is no such table is told in one clear line.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_db::{Finding, NewNode, TableNames};
use clusterer_node::{StoreError, UnixTime};

fn columns(fixture: &Fixture, table: &str) -> Vec<String> {
    fixture.texts(&format!(
        "SELECT CONCAT_WS(' ', column_name, column_type, is_nullable, column_default, extra)
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'
         ORDER BY ordinal_position"
    ))
}

#[test]
fn the_tables_are_those_of_opensips() {
    needs_server!(the_tables_are_those_of_opensips);
    let fixture = Fixture::new();
    // As MariaDB shows them; MySQL 8 shows no widths, and no NULL for a default.
    assert_eq!(
        columns(&fixture, "clusterer"),
        [
            "id int(10) NO auto_increment",
            "cluster_id int(10) NO ",
            "machine_id int(10) NO ",
            "url char(64) NO ",
            "state int(1) NO 1 ",
            "last_attempt bigint(64) unsigned NO 0 ",
            "failed_attempts int(10) NO 3 ",
            "no_tries int(10) NO 0 ",
            "duration int(10) NO 30 ",
            "description char(64) YES NULL ",
        ]
    );
    assert_eq!(
        columns(&fixture, "version"),
        ["table_name char(32) NO ", "table_version int(10) unsigned NO 0 "]
    );
    assert_eq!(
        fixture.texts("SELECT CONCAT_WS(' ', table_name, table_version) FROM version"),
        ["clusterer 1"]
    );
    assert_eq!(
        fixture.texts(
            "SELECT CONCAT_WS(' ', table_name, MAX(non_unique), GROUP_CONCAT(column_name ORDER BY
                seq_in_index)) FROM information_schema.statistics WHERE table_schema = DATABASE()
             GROUP BY table_name, index_name ORDER BY 1"
        ),
        ["clusterer 0 cluster_id,machine_id", "clusterer 0 id", "version 0 table_name"]
    );
    assert_eq!(
        fixture.texts(
            "SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = DATABASE()"
        ),
        ["InnoDB"]
    );
}

/// As OpenSIPS' script for MySQL declares it, and by hand with other words and another order.
#[test]
fn a_table_made_by_others_is_accepted_as_it_is() {
    needs_server!(a_table_made_by_others_is_accepted_as_it_is);
    for create in [
        "CREATE TABLE version (table_name CHAR(32) NOT NULL,
            table_version INT UNSIGNED DEFAULT 0 NOT NULL,
            CONSTRAINT t_name_idx UNIQUE (table_name)) ENGINE=InnoDB;
         CREATE TABLE clusterer (id INT(10) AUTO_INCREMENT PRIMARY KEY NOT NULL,
            cluster_id INT(10) NOT NULL, machine_id INT(10) NOT NULL, url CHAR(64) NOT NULL,
            state INT(1) DEFAULT 1 NOT NULL, last_attempt BIGINT(64) UNSIGNED DEFAULT 0 NOT NULL,
            failed_attempts INT(10) DEFAULT 3 NOT NULL, no_tries INT(10) DEFAULT 0 NOT NULL,
            duration INT(10) DEFAULT 30 NOT NULL, description CHAR(64) DEFAULT NULL,
            CONSTRAINT clusterer_idx UNIQUE (cluster_id, machine_id)) ENGINE=InnoDB",
        "CREATE TABLE version (TABLE_NAME TEXT, table_version BIGINT);
         CREATE TABLE clusterer (URL VARCHAR(64), Cluster_ID SMALLINT, machine_id DECIMAL(10),
            owner DATE, state TINYINT DEFAULT 1, id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
            last_attempt DECIMAL(20) DEFAULT 0, failed_attempts MEDIUMINT DEFAULT 3,
            no_tries INT DEFAULT 0, duration INT UNSIGNED DEFAULT 30, description TEXT)
            CHARACTER SET latin1;
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
            // Where the server's files tell case apart, and a table of another case is another one.
            "RENAME TABLE clusterer TO Clusterer",
            format!("there is no table clusterer: {CREATE}"),
        ),
        (
            "ALTER TABLE clusterer DROP COLUMN no_tries",
            "table clusterer has no column no_tries (no_tries_col is set to that): set no_tries_col \
             to the column's name, or add the column"
                .to_owned(),
        ),
        (
            "ALTER TABLE clusterer RENAME COLUMN url TO uri",
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
    let stored = "SELECT CONCAT_WS(' ', `where`, `user`, `when`) FROM `Select`";
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
    assert!(error.to_string().contains("Data too long for column 'table_name'"), "{error}");
    let names = TableNames::new([("db_table", &table[..32]), ("clusterer_id_col", id)]).unwrap();
    fixture.options = fixture.options.clone().names(names);
    fixture.admin().init().unwrap();
    assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
}

#[test]
fn only_an_index_over_both_ids_of_every_row_keeps_them_unique() {
    needs_server!(only_an_index_over_both_ids_of_every_row_keeps_them_unique);
    let fixture = Fixture::lax(&node(1));
    let found = |index: &str| {
        fixture.sql(&format!("DROP INDEX IF EXISTS i ON clusterer; CREATE {index}"));
        let found = fixture.admin().check(UnixTime::ZERO).unwrap();
        found.iter().filter(|finding| matches!(finding, Finding::NoUniqueKey { .. })).count()
    };
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id, cluster_id)"), 0);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (Cluster_ID, MACHINE_ID)"), 0);
    assert_eq!(found("INDEX i ON clusterer (cluster_id, machine_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, machine_id, state)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, state)"), 1);
    fixture.sql("ALTER TABLE clusterer MODIFY machine_id VARCHAR(10)");
    fixture.sql(
        "DROP INDEX i ON clusterer; CREATE UNIQUE INDEX i ON clusterer (cluster_id, machine_id(1))",
    );
    let found = fixture.admin().check(UnixTime::ZERO).unwrap();
    let no_key = |finding: &&Finding| matches!(finding, Finding::NoUniqueKey { .. });
    assert_eq!(found.iter().filter(no_key).count(), 1, "a part of a column is not the column");
}
