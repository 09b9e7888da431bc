//! What `db check` calls the types.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use crate::shared::admin::found;
use clusterer_tests::conformance::node;

#[test]
fn check_finds_everything_at_once_the_worst_first() {
    needs_server!(check_finds_everything_at_once_the_worst_first);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql(
        "DELETE FROM version;
         ALTER TABLE clusterer DROP INDEX cluster_id, DROP COLUMN cluster_id,
            MODIFY url BLOB, MODIFY no_tries VARCHAR(10)",
    );
    assert_eq!(
        found(&fixture),
        [
            "Fatal: the version table says nothing about table clusterer, version 1 is needed",
            "Fatal: table clusterer has no column cluster_id (cluster_id_col is set to that)",
            "Warning: table clusterer: column url is declared as blob, should be CHAR(64)",
            "Warning: table clusterer: column no_tries is declared as varchar(10), should be \
             INT(10)",
            "Warning: table clusterer: column no_tries has no default, should have 0",
            "Warning: table clusterer has no unique index over (cluster_id, machine_id)",
        ]
    );
    fixture.sql("DROP TABLE clusterer");
    assert_eq!(found(&fixture), ["Fatal: there is no table clusterer"]);
}
