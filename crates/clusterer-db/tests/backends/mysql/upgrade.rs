//! A table of the later generation from one of version 1, in MySQL.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use crate::shared::upgrade::{WRITTEN, rows, written};
use clusterer_db::UpgradeError;
use clusterer_node::StoreError;

/// As `db/schema/clusterer.xml` of OpenSIPS has it for version 4.
#[test]
fn the_table_is_that_of_the_later_generation() {
    needs_server!(the_table_is_that_of_the_later_generation);
    let fixture = Fixture::new();
    fixture.admin().upgrade("later").unwrap();
    // As MariaDB shows them; MySQL 8 shows no widths, and no NULL for a default.
    assert_eq!(
        fixture.texts(
            "SELECT CONCAT_WS(' ', column_name, column_type, is_nullable, column_default, extra)
             FROM information_schema.columns
             WHERE table_schema = DATABASE() AND table_name = 'later' ORDER BY ordinal_position"
        ),
        [
            "id int(10) NO auto_increment",
            "cluster_id int(10) NO ",
            "node_id int(10) NO ",
            "url char(64) NO ",
            "state int(1) NO 1 ",
            "no_ping_retries int(10) NO 3 ",
            "priority int(10) NO 50 ",
            "sip_addr char(64) YES NULL ",
            "flags char(64) YES NULL ",
            "description char(64) YES NULL ",
        ]
    );
    assert_eq!(
        fixture.texts(
            "SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index)
             FROM information_schema.statistics
             WHERE table_schema = DATABASE() AND table_name = 'later' GROUP BY index_name ORDER BY 1"
        ),
        ["cluster_id,node_id", "id"]
    );
}

/// A table that was made stays, but without rows, and nobody takes it for one of version 4.
#[test]
fn what_fails_leaves_no_rows_and_no_version() {
    needs_server!(what_fails_leaves_no_rows_and_no_version);
    let fixture = Fixture::with(&rows());
    fixture.sql("ALTER TABLE version MODIFY table_version INT CHECK (table_version < 4)");
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(matches!(error, UpgradeError::Store(StoreError::Refused(_))), "{error:?}");
    assert_eq!(fixture.tables(), ["clusterer", "later", "version"]);
    assert_eq!(written(&fixture, "later"), [] as [&str; 0]);
    assert_eq!(fixture.texts("SELECT table_name FROM version"), ["clusterer"]);

    fixture.sql("ALTER TABLE version MODIFY table_version INT; DROP TABLE later");
    fixture.admin().upgrade("later").unwrap();
    assert_eq!(written(&fixture, "later"), WRITTEN);
}
