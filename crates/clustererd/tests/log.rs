//! The log of a daemon, as a process writes it.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;

/// What a daemon says that finds its database away, and gives up after a while.
fn log(scheme: &str, format: &str, patience: &str) -> String {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "[clusterer]\ndb_url = \"{scheme}://admin:hunter%202@{nobody}/opensips\"\nserver_id = 1\n\
         db_connect_timeout = \"{patience}\"\n[log]\nlevel = \"trace\"\nformat = \"{format}\"\n"
    );
    fs::write(directory.path().join("node.toml"), text).unwrap();
    let output = Command::cargo_bin("clustererd")
        .unwrap()
        .current_dir(&directory)
        .args(["--config", "node.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn no_password_is_in_a_line_of_either_format() {
    for scheme in ["mysql", "postgres"] {
        for format in ["text", "json"] {
            let log = log(scheme, format, "700ms");
            assert!(log.contains("node.toml:2:10"), "{log}");
            assert!(!log.contains("hunter"), "{log}");
        }
    }
}

#[test]
fn json_is_an_object_a_line_and_says_when_how_bad_where_and_what() {
    // Long enough to be tried again, however busy the machine is: that line has a field.
    let log = log("mysql", "json", "3s");
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{name}: {line}"));
        let time = text("timestamp");
        assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{time}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text("level")), "{line}");
        assert!(text("target").starts_with("cluster"), "{line}");
        assert!(!text("message").is_empty(), "{line}");
    }
    assert!(log.contains(r#""error":"#), "what is particular stands beside the message: {log}");
}
