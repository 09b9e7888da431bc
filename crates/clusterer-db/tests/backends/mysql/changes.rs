//! What changes are noticed, and what it costs.

use super::{Fixture, needs_server};
use crate::shared::TestDatabase;
use clusterer_tests::conformance::{Provisioned, hints, node, poll_once, wait};
use clusterer_tests::servers::{Kind, Server};
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(20);

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

/// As a text, such a number is as long as its column is wide, and begins with nothing but zeros.
#[test]
fn a_state_filled_up_with_zeros_is_told_of_too() {
    needs_server!(a_state_filled_up_with_zeros_is_told_of_too);
    for kind in ["INT(10) ZEROFILL", "BIGINT(20) ZEROFILL", "DECIMAL(65, 30) ZEROFILL"] {
        let fixture = Fixture::with(&[node(1)]);
        fixture.sql(&format!("ALTER TABLE clusterer MODIFY state {kind} NOT NULL DEFAULT 1"));
        let store = hints::attentive(&fixture);
        for state in [0, 1] {
            let mut hint = store.changed(EVERY);
            assert!(poll_once(&mut hint).is_pending());
            fixture.sql(&format!("UPDATE clusterer SET state = {state}"));
            wait(hint).unwrap();
            wait(store.load()).unwrap();
        }
    }
}
