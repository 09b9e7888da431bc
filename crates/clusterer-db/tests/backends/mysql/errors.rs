//! Who may only read.

use super::{Fixture, needs_server};
use crate::server::errors::{only_loads, probing};
use crate::shared::TestDatabase;
use clusterer_node::StoreError;
use clusterer_tests::conformance::{Provisioned, node, wait};
use clusterer_tests::servers::{Kind, Server};

#[test]
fn whoever_may_only_read_can_load_and_not_flush() {
    needs_server!(whoever_may_only_read_can_load_and_not_flush);
    const RIGHTS: &str = ": user USER needs SELECT on both tables, in persistent mode UPDATE on the \
                          nodes' (GRANT)";
    let fixture = Fixture::with(&[node(1)]).for_nobody();
    fixture.sql("CREATE TABLE other (id INT)");
    let refused = |error: StoreError, expected: &str| {
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        let text = fixture.plain(&error);
        assert!(text.starts_with(&format!("URL: {expected}")), "{text}");
        assert!(text.ends_with(RIGHTS), "{text}");
    };
    let grant = |what: &str| fixture.sql(&format!("GRANT {what} TO '{}'@'%'", fixture.user()));
    refused(fixture.open_error(), "Access denied for user 'USER'");

    // Neither table is shown to somebody who may not read it.
    grant("SELECT ON other");
    refused(fixture.open_error(), "SELECT command denied to user 'USER'");
    grant("SELECT ON clusterer");
    refused(fixture.open_error(), "SELECT command denied to user 'USER'");

    grant("SELECT ON version");
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    refused(wait(store.flush(&probing())).unwrap_err(), "UPDATE command denied to user 'USER'");

    grant("UPDATE ON clusterer");
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

/// The server is one of this test's own: it is read-only as a whole, or not.
#[test]
fn a_read_only_server_is_loaded_from_and_a_flush_is_refused() {
    needs_server!(a_read_only_server_is_loaded_from_and_a_flush_is_refused);
    let server = Server::start(Kind::MariaDb).unwrap();
    let fixture = Fixture::on(server.access());
    fixture.admin().init().unwrap();
    fixture.insert(&[node(1)]);
    // Whoever is a superuser writes all the same.
    let fixture = fixture.for_nobody();
    let user = fixture.user();
    fixture.sql(&format!("GRANT SELECT, UPDATE ON * TO '{user}'@'%'; SET GLOBAL read_only = ON"));
    only_loads(&fixture, "the database is read-only, a replica or told to be: ");
    fixture.sql("SET GLOBAL read_only = OFF");
    assert_eq!(wait(fixture.store().flush(&probing())).unwrap().written, 1);
}
