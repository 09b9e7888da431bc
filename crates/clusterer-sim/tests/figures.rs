//! The report's figures, where they are promises.

use clusterer_sim::report;

#[test]
fn a_killed_process_is_known_within_a_tenth_of_a_second() {
    let times = report::crash(4, 20);
    assert_eq!(times.missed, 0);
    assert!(times.percentile(100) < 100, "{times}");
}

#[test]
fn a_silent_cut_is_known_within_an_interval_and_a_timeout() {
    let times = report::cut(4, 20);
    assert_eq!(times.missed, 0);
    assert!(times.percentile(100) < 1_000 + 500 + 500, "{times}");
    assert!(times.percentile(0) >= 500, "nobody is judged before his time: {times}");
}

#[test]
fn an_idle_node_sends_a_ping_and_a_pong_a_peer_and_second() {
    let idle = report::idle(4, 10_000);
    assert!((5.9..=6.1).contains(&idle.packets), "{idle:?}");
}

#[test]
fn who_stood_still_accuses_nobody_and_lost_packets_disable_next_to_nobody() {
    let found = report::accusations(3, 600_000);
    assert_eq!(found.after_stall, 0, "{found:?}");
    assert!(found.disabled <= 2, "{found:?}");
}
