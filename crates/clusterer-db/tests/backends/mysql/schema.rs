//! The tables equal those of OpenSIPS 2.2, and tables of others are used as they are.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use crate::shared::schema::{CREATE, is_accepted, is_unusable, keeps_unique};

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
        is_accepted::<Fixture>(create, |fixture| columns(fixture, "clusterer"));
    }
}

/// Where the server's files tell case apart, and a table of another case is another one.
#[test]
fn a_table_of_another_case_is_another_one() {
    needs_server!(a_table_of_another_case_is_another_one);
    let fixture = Fixture::new();
    is_unusable(
        &fixture,
        "RENAME TABLE clusterer TO Clusterer",
        &format!("there is no table clusterer: {CREATE}"),
    );
}

#[test]
fn a_part_of_a_column_is_not_the_column() {
    needs_server!(a_part_of_a_column_is_not_the_column);
    let fixture = Fixture::new();
    keeps_unique(
        &fixture,
        "ALTER TABLE clusterer MODIFY machine_id VARCHAR(10);
         CREATE UNIQUE INDEX i ON clusterer (cluster_id, machine_id(1))",
        false,
    );
}
