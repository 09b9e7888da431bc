//! Who may only read.

use super::{Fixture, needs_server};
use crate::server::errors::{only_loads, probing};
use crate::shared::TestDatabase;
use clusterer_node::StoreError;
use clusterer_tests::conformance::{Provisioned, node, wait};

#[test]
fn whoever_may_only_read_can_load_and_not_flush() {
    needs_server!(whoever_may_only_read_can_load_and_not_flush);
    let fixture = Fixture::with(&[node(1)]).for_nobody();
    let error = fixture.open_error();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert_eq!(
        fixture.plain(&error),
        "URL: permission denied for table version: user USER needs SELECT on both tables, in \
         persistent mode UPDATE on the nodes' (GRANT)"
    );

    fixture.sql(&format!("GRANT SELECT ON clusterer, version TO {}", fixture.user()));
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let error = wait(store.flush(&probing())).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(fixture.plain(&error).starts_with("URL: permission denied for table clusterer: "));

    fixture.sql(&format!("GRANT UPDATE ON clusterer TO {}", fixture.user()));
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

#[test]
fn a_read_only_database_is_loaded_and_a_flush_is_refused() {
    needs_server!(a_read_only_database_is_loaded_and_a_flush_is_refused);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", fixture.name));
    only_loads(&fixture, "the database is read-only");
}
