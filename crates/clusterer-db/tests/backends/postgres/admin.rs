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
         ALTER TABLE clusterer DROP COLUMN cluster_id;
         ALTER TABLE clusterer ALTER url TYPE BYTEA USING NULL, ALTER url DROP NOT NULL;
         ALTER TABLE clusterer ALTER no_tries DROP DEFAULT, ALTER no_tries TYPE VARCHAR(10)",
    );
    assert_eq!(
        found(&fixture),
        [
            "Fatal: the version table says nothing about table clusterer, version 1 is needed",
            "Fatal: table clusterer has no column cluster_id (cluster_id_col is set to that)",
            "Warning: table clusterer: column url is declared as bytea, should be VARCHAR(64)",
            "Warning: table clusterer: column no_tries is declared as character varying(10), should \
             be INTEGER",
            "Warning: table clusterer: column no_tries has no default, should have 0",
            "Warning: table clusterer has no unique index over (cluster_id, machine_id)",
        ]
    );
    fixture.sql("DROP TABLE clusterer");
    assert_eq!(found(&fixture), ["Fatal: there is no table clusterer"]);
}
