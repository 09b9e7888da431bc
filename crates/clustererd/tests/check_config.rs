//! `clustererd check-config` as a process: what it prints where, and its exit code.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use std::fs;

fn check_config(contents: &[u8]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("node.toml"), contents).unwrap();
    let output = Command::cargo_bin("clustererd")
        .unwrap()
        .current_dir(&directory)
        .env("CLUSTERERD_TEST_ID", "3")
        .args(["check-config", "--config", "node.toml"])
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), out, err)
}

#[test]
fn a_right_file_is_ok_and_nothing_is_touched() {
    // The directory of the database does not exist, and nobody listens or connects.
    let text = b"[clusterer]\ndb_url = 'sqlite:none/x.db'\nserver_id = '${CLUSTERERD_TEST_ID}'\n";
    assert_eq!(check_config(text), (Some(0), "node.toml: ok\n".into(), String::new()));
}

#[test]
fn a_wrong_file_is_one_line_and_exit_code_2() {
    let text = b"[clusterer]\ndb_url = 'sqlite:x.db'\nserver_id = 0\n";
    let expected = "node.toml:3:13: clusterer.server_id: \
                    0, expected an integer from 1 to 2147483647\n";
    assert_eq!(check_config(text), (Some(2), String::new(), expected.into()));
}

#[test]
fn what_is_no_text_has_a_position() {
    let expected = "node.toml:2:3: not UTF-8, expected a TOML file\n";
    assert_eq!(check_config(b"# a\n# \xff\n"), (Some(2), String::new(), expected.into()));
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let expected = "node.toml: cannot read the file: longer than 1048576 bytes\n";
    let longest = vec![b'\n'; 1 << 20];
    let (_, _, error) = check_config(&longest);
    assert_eq!(error.lines().count(), 1);
    assert_ne!(error, expected);
    let longer = vec![b'\n'; (1 << 20) + 1];
    assert_eq!(check_config(&longer), (Some(2), String::new(), expected.into()));
}

#[test]
fn a_file_that_is_not_there_is_one_line() {
    let output = Command::cargo_bin("clustererd")
        .unwrap()
        .args(["check-config", "--config", "/nowhere/node.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("/nowhere/node.toml: cannot read the file: "), "{error}");
    assert_eq!(error.lines().count(), 1);
}
