//! The completions and the manual page in `deploy` (`UPDATE_EXPECT=1 cargo test -p clustererctl` writes them).
#![allow(clippy::panic, clippy::unwrap_used)]

use expect_test::{ExpectFile, expect_file};
use std::process::Command;

fn printed(args: &[&str]) -> String {
    let output =
        Command::new(assert_cmd::cargo::cargo_bin!("clustererctl")).args(args).output().unwrap();
    assert!(output.status.success());
    // Lines without blanks at their end, as all files here.
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_completions_are_current() {
    let check = |shell: &str, file: ExpectFile| file.assert_eq(&printed(&["completions", shell]));
    check("bash", expect_file!["../../../deploy/completions/clustererctl.bash"]);
    check("fish", expect_file!["../../../deploy/completions/clustererctl.fish"]);
    check("zsh", expect_file!["../../../deploy/completions/_clustererctl"]);
}

#[test]
fn the_manual_page_is_current() {
    expect_file!["../../../deploy/man/clustererctl.1"].assert_eq(&printed(&["man"]));
}

#[test]
fn completions_know_the_daemon_s_commands() {
    for shell in ["bash", "fish", "zsh"] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("clusterer_set_status") && script.contains("rl_list"), "{shell}");
    }
}
