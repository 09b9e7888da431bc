//! What it costs to notice changes.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use clusterer_tests::conformance::{Provisioned, node, poll_once, wait};
use clusterer_tests::servers::{Kind, Server};
use std::time::Duration;

/// The server is one of this test's own: it counts the rows that are read.
#[test]
fn no_checksum_is_computed_before_somebody_waits_for_changes() {
    needs_server!(no_checksum_is_computed_before_somebody_waits_for_changes);
    let server = Server::start(Kind::MariaDb).unwrap();
    let fixture = Fixture::on(server.access());
    fixture.sql("SET GLOBAL userstat = ON");
    fixture.admin().init().unwrap();
    fixture.insert(&[node(1), node(2), node(3)]);
    let store = fixture.store();
    let read_since_last = || -> u64 {
        let read = fixture.texts(
            "SELECT COALESCE(SUM(rows_read), 0) FROM information_schema.table_statistics
             WHERE table_schema = DATABASE() AND table_name = 'clusterer'",
        );
        fixture.sql("FLUSH TABLE_STATISTICS");
        read[0].parse().unwrap()
    };
    read_since_last();
    wait(store.load()).unwrap();
    assert_eq!(read_since_last(), 3);
    wait(store.load()).unwrap();
    assert_eq!(read_since_last(), 3);

    let mut hint = store.changed(Duration::from_secs(3600));
    let _ = poll_once(&mut hint);
    wait(store.load()).unwrap();
    assert!(read_since_last() >= 6, "once for the rows, and once for the checksum");
}
