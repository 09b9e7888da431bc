//! Two readings of a file, compared.

use super::{LEAST, file_with_every_key, parsed};
use crate::config::keys::{KEYS, SECTIONS};
use crate::config::values::{Difference, Effect, effect};

/// A value that is not in [`file_with_every_key`].
fn other_value(path: &str) -> &'static str {
    match path {
        "bin.listen" => "['bin:127.0.0.1:5577']",
        "bin.threads" => "4",
        "clusterer.auto_reload" => "'7s'",
        "clusterer.db_url" => "'sqlite:others.db'",
        "clusterer.ping_interval" | "clusterer.db_connect_timeout" => "'7s'",
        "clusterer.ping_timeout" => "'70ms'",
        "log.format" => "'json'",
        "log.level" => "'debug'",
        "metrics.listen" | "mi.http.listen" => "'127.0.0.1:7777'",
        "mi.fifo.fifo_mode" | "mi.datagram.unix_socket_mode" => "0o600",
        "mi.http.root" => "'commands'",
        "mi.http.hosts" => "['node-a']",
        "ratelimit.default_algorithm" => "'RED'",
        "ratelimit.window_size" => "20",
        "ratelimit.slot_period" => "100",
        path if path.ends_with("insecure") || path.ends_with("auth_check") => "true",
        "clusterer.persistent_mode" => "true",
        path if path.starts_with("ratelimit.") || path.ends_with("server_id") => "77",
        path if path.ends_with("_user") || path.ends_with("_group") => "'77'",
        path if path.ends_with("_col") || path.ends_with("_table") => "'other'",
        _ => "'/other'",
    }
}

#[test]
fn a_change_of_any_key_is_told_by_its_name() {
    let base = file_with_every_key();
    let values = parsed(&base).values;
    assert_eq!(values.differences(&parsed(&base).values), []);
    for key in KEYS.iter().filter(|key| key.name() != "persistent_state") {
        let header = format!("[{}]\n", key.section());
        let (before, section) = base.split_once(&header).unwrap();
        let end = section.find("\n[").map_or(section.len(), |at| at + 1);
        let (section, after) = section.split_at(end);
        let start = format!("{} = ", key.name());
        let others: String =
            section.split_inclusive('\n').filter(|line| !line.starts_with(&start)).collect();
        let line = format!("{start}{}\n", other_value(key.path()));
        let changed = parsed(&format!("{before}{header}{line}{others}{after}"));
        let differences = values.differences(&changed.values);
        assert_eq!(differences, [Difference::Changed(key.path())], "{line}");
        assert_eq!(changed.values.differences(&values), differences, "{line}");
    }
}

#[test]
fn a_value_written_in_another_way_is_no_change() {
    let check = |one: &str, other: &str| {
        let (one, other) = (parsed(&format!("{LEAST}{one}")), parsed(&format!("{LEAST}{other}")));
        assert_eq!(one.values.differences(&other.values), []);
    };
    check("", "ping_interval = '1000ms'\n[log]\nlevel = 'info'\n");
    check("persistent_mode = true\n", "persistent_state = 1\n");
    check("[mi.fifo]\nfifo_name = '/f'\n", "[mi.fifo]\nfifo_name = '/f'\nfifo_mode = '0660'\n");
}

#[test]
fn a_section_that_comes_or_goes_is_told_as_one() {
    let (without, with) = (parsed(LEAST).values, parsed(&format!("{LEAST}[mi.http]\n")).values);
    let (added, removed) = (Difference::Added("mi.http"), Difference::Removed("mi.http"));
    assert_eq!(without.differences(&with), [added]);
    assert_eq!(with.differences(&without), [removed]);
    assert_eq!((added.effect(), removed.effect()), (Effect::Restart, Effect::Restart));
    assert_eq!(format!("{added}; {removed}"), "[mi.http] was added; [mi.http] was removed");
}

#[test]
fn what_is_adopted_is_no_difference_any_more() {
    let mut values = parsed(LEAST).values;
    let later = parsed(&format!("{LEAST}ping_timeout = '70ms'\n[log]\nlevel = 'warn'\n")).values;
    values.adopt("log.level", &later);
    let left = values.differences(&later);
    assert_eq!(left, [Difference::Changed("clusterer.ping_timeout")]);
    assert_eq!(left[0].to_string(), "[clusterer] ping_timeout has changed");
}

#[test]
fn what_is_bound_or_opened_at_the_start_takes_a_restart() {
    assert_eq!(effect("log.level"), Effect::Live);
    for path in ["bin.listen", "clusterer.db_url", "clusterer.server_id", "mi.http.insecure"] {
        assert_eq!(effect(path), Effect::Restart, "{path}");
    }
    assert!(
        SECTIONS.iter().all(|section| Difference::Added(section.path).effect() == Effect::Restart)
    );
}
