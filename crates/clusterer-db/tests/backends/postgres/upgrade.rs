//! A table of the later generation from one of version 1, in PostgreSQL.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use crate::shared::upgrade::rows;
use clusterer_db::UpgradeError;
use clusterer_node::StoreError;

/// As `db/schema/clusterer.xml` of OpenSIPS has it for version 4.
#[test]
fn the_table_is_that_of_the_later_generation() {
    needs_server!(the_table_is_that_of_the_later_generation);
    let fixture = Fixture::new();
    fixture.admin().upgrade("later").unwrap();
    assert_eq!(
        fixture.texts(
            "SELECT concat_ws(' ', column_name, data_type, character_maximum_length, is_nullable,
                column_default)
             FROM information_schema.columns WHERE table_name = 'later' ORDER BY ordinal_position"
        ),
        [
            "id integer NO nextval('later_id_seq'::regclass)",
            "cluster_id integer NO",
            "node_id integer NO",
            "url character varying 64 NO",
            "state integer NO 1",
            "no_ping_retries integer NO 3",
            "priority integer NO 50",
            "sip_addr character varying 64 YES NULL::character varying",
            "flags character varying 64 YES NULL::character varying",
            "description character varying 64 YES NULL::character varying",
        ]
    );
    assert_eq!(
        fixture.texts(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = 'later'::regclass AND contype IN ('p', 'u') ORDER BY 1"
        ),
        ["PRIMARY KEY (id)", "UNIQUE (cluster_id, node_id)"]
    );
    assert_eq!(
        fixture.texts("SELECT concat_ws(' ', max_value, cycle) FROM pg_sequences"),
        ["2147483647 t", "2147483647 t"]
    );
}

#[test]
fn half_a_table_is_never_there() {
    needs_server!(half_a_table_is_never_there);
    let fixture = Fixture::with(&rows()).for_nobody();
    let user = fixture.user();
    fixture.sql(&format!(
        "GRANT CREATE ON SCHEMA public TO {user}; GRANT SELECT ON clusterer, version TO {user}"
    ));
    let before = fixture.tables();
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(matches!(error, UpgradeError::Store(StoreError::Refused(_))), "{error:?}");
    assert!(error.to_string().contains("permission denied for table version"), "{error}");
    assert_eq!(fixture.tables(), before);
}
