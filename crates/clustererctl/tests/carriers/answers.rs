//! One command, one answer.

use crate::server::{TOKEN, Udp, http};
use crate::{ctl, outcome, run};
use expect_test::{Expect, expect};
use std::fs;

fn shows(words: &[&str], expected: Expect) {
    let daemon = Udp::start();
    let (code, out, err) = run(&[&["--mi", &daemon.mi()], words].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    expected.assert_eq(&out);
}

fn fails(args: &[&str], code: i32, why: &str) {
    let got = run(args);
    assert_eq!((got.0, got.1.as_str()), (code, ""), "{}", got.2);
    assert!(got.2.contains(why) && got.2.lines().count() == 1, "{}", got.2);
}

#[test]
fn tables_for_people() {
    shows(
        &["clusterer_list"],
        expect![[r#"
        cluster 1
          node  url                 state    tries   last failure (UTC)        description
             2  bin:127.0.0.2:5566  up       0 of 3  never                     B
             3  bin:127.0.0.3:5566  probing  1 of 3  Sun Nov 22 08:51:41 2026  C
    "#]],
    );
    shows(
        &["rl_list"],
        expect![[r#"
        Pipes
          id       algorithm  limit  counter
          gateway  TAILDROP     100        7
        drop_rate  0
    "#]],
    );
    shows(
        &["evil"],
        expect![[r#"
        a\u{1b}[2J  b\u{1b}[2J\nc\u{202e}
    "#]],
    );
}

#[test]
fn json_for_scripts_before_the_command_or_behind_it() {
    shows(
        &["--json", "rl_list"],
        expect![[r#"
        {"Pipes":[{"id":"gateway","algorithm":"TAILDROP","limit":100,"counter":7}],"drop_rate":0}
    "#]],
    );
    shows(
        &["rl_list", "--json"],
        expect![[r#"
        {"Pipes":[{"id":"gateway","algorithm":"TAILDROP","limit":100,"counter":7}],"drop_rate":0}
    "#]],
    );
}

#[test]
fn parameters_in_order_or_by_name() {
    shows(
        &["set", "1", "2", "udp"],
        expect![[r#"
        1
        2
        udp
    "#]],
    );
    shows(
        &["set", "node_id=2", "protocol=a=b", "cluster_id=1"],
        expect![[r#"
        1
        2
        a=b
    "#]],
    );
    shows(
        &["set", "1", "2", "x=y"],
        expect![[r#"
        1
        2
        x=y
    "#]],
    );
    shows(
        &["set", "1", "2", "--", "protocol=udp"],
        expect![[r#"
        1
        2
        protocol=udp
    "#]],
    );
    let daemon = Udp::start();
    let mi = daemon.mi();
    fails(&["--mi", &mi, "set", "1", "node_id=2"], 2, "give all parameters by name, or none");
    fails(&["--mi", &mi, "set", "node_id=2", "node_id=3"], 2, "node_id is given twice");
    fails(&["--mi", &mi, "set", "1"], 1, "-32602 Invalid params: Too few or too many parameters");
    fails(&["--mi", &mi, "set", "a", "b"], 1, "Bad type for parameter 'cluster_id'");
}

#[test]
fn a_refusal_is_told_with_its_code_and_moves_no_cursor() {
    let daemon = Udp::start();
    fails(&["--mi", &daemon.mi(), "refuse"], 1, "404 Node id [2J not found");
    fails(&["--mi", &daemon.mi(), "nope"], 1, "-32601 Method not found");
    fails(&["--mi", &daemon.mi(), "--json", "nope"], 1, "-32601 Method not found");
}

#[test]
fn nobody_answers() {
    let gone = Udp::start().mi();
    fails(&["--mi", &gone, "which"], 3, "nobody listens at udp:127.0.0.1:");
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mi = format!("udp:{}", silent.local_addr().unwrap());
    fails(&["--mi", &mi, "--timeout", "1", "which"], 3, "OpenSIPS 2.x wants --text");
    fails(&["--mi", "unix:/nowhere/mi", "which"], 3, "nobody listens at unix:/nowhere/mi");
}

#[test]
fn a_token_is_shown_over_http_and_never_printed() {
    let mi = http();
    fails(&["--mi", &mi, "rl_list"], 1, "401 Unauthorized: Give a token. (--token-file gives");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let path = file.to_str().unwrap();
    let (code, out, err) = run(&["--mi", &mi, "--token-file", path, "rl_list", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with(r#"{"Pipes":"#), "{out}");
    let from_environment =
        outcome(ctl(&["--mi", &mi, "version"]).env("CLUSTERERCTL_TOKEN_FILE", path));
    assert_eq!(from_environment.0, 1, "there is no such command: {}", from_environment.2);
    assert!(from_environment.2.contains("-32601"), "{}", from_environment.2);

    fails(
        &["--mi", "unix:/nowhere/mi", "--token-file", path, "which"],
        2,
        "--token-file is for http",
    );
    let ignored =
        outcome(ctl(&["--mi", "unix:/nowhere/mi", "which"]).env("CLUSTERERCTL_TOKEN_FILE", path));
    assert_eq!(ignored.0, 3, "{}", ignored.2);
    fs::write(&file, "hunter2").unwrap();
    let short = run(&["--mi", &mi, "--token-file", path, "rl_list"]);
    assert_eq!(short.0, 2);
    assert!(
        short.2.contains("16 to 1024 characters") && !short.2.contains("hunter2"),
        "{}",
        short.2
    );
    fails(&["--mi", &mi, "--token-file", "/nowhere", "rl_list"], 2, "/nowhere: cannot read");
}
