//! The management commands, as text.

use crate::cluster::{at, config, tell};
use clusterer_mi::{Args, CommandTable, render_text};
use clusterer_ratelimit::{RateLimit, mi_commands};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The reply, as the FIFO carries it.
fn run(limits: &RateLimit, name: &str, args: &[&str]) -> String {
    let mut table = CommandTable::new();
    for command in mi_commands(limits, || at(1)) {
        table.add(command).unwrap();
    }
    let reply = pin!(table.run(name, Args::positional(args.iter().copied())));
    let Poll::Ready(reply) = reply.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("these commands never wait");
    };
    render_text(name, &reply.unwrap())
}

fn limits() -> RateLimit {
    RateLimit::new(
        config(|p| {
            p.timer_interval = 1;
            p.max_pipes = 3;
        }),
        at(0),
    )
}

#[test]
fn rl_list_reads_as_2_2_writes_it() {
    let limits = limits();
    assert_eq!(run(&limits, "rl_list", &[]), "200 OK\nPIPE::  drop_rate=0\n\n");
    limits.check(at(1), b"pipe2", 5, None).unwrap();
    tell(&limits, at(1), 2, b"inv_fwd1", 7);
    limits.tick(at(1000));
    let first = "PIPE::  id=inv_fwd1 algorithm=TAILDROP limit=100 counter=7\n";
    let second = "PIPE::  id=pipe2 algorithm=TAILDROP limit=5 counter=1\n";
    let last = "PIPE::  drop_rate=0\n";
    assert_eq!(run(&limits, "rl_list", &[]), format!("200 OK\n{first}{second}{last}\n"));
    assert_eq!(run(&limits, "rl_list", &["pipe2"]), format!("200 OK\n{second}{last}\n"));
    assert_eq!(run(&limits, "rl_list", &["PIPE2"]), "500 command 'rl_list' failed\n");
}

#[test]
fn rl_reset_pipe_resets_what_there_is() {
    let limits = limits();
    limits.check(at(1), b"p", 5, None).unwrap();
    assert_eq!(run(&limits, "rl_reset_pipe", &["p"]), "200 OK\n\n");
    assert_eq!(limits.pipe(at(1), b"p").unwrap().own, 0);
    assert_eq!(run(&limits, "rl_reset_pipe", &["q"]), "400 Bad parameter\n\n");
    let count = "400 Too few or too many arguments\n\n";
    assert_eq!(run(&limits, "rl_reset_pipe", &[]), count);
}

#[test]
fn rl_check_tells_allowed_or_limited_or_what_is_wrong() {
    let limits = limits();
    let check = |args: &[&str]| run(&limits, "rl_check", args);
    assert_eq!(check(&["p", "1", "taildrop"]), "200 OK\nDecision:: allowed\n\n");
    assert_eq!(check(&["p", "1"]), "200 OK\nDecision:: limited\n\n");
    for args in [&["p", "-1"][..], &["p", "x"], &["p", "2147483648"], &["p", "1", "HISTORY"]] {
        assert_eq!(check(args), "400 Bad parameter\n\n", "{args:?}");
    }
    for args in [&[][..], &["p"], &["p", ""]] {
        assert_eq!(check(args), "400 Too few or too many arguments\n\n", "{args:?}");
    }
    assert!(check(&["q", "1", "FEEDBACK"]).starts_with("400 FEEDBACK pipes are kept"));
    assert_eq!(limits.pipe(at(1), b"p").unwrap().own, 2, "only decided calls are counted");
    tell(&limits, at(1), 2, b"a", 1);
    tell(&limits, at(1), 2, b"b", 1);
    assert!(check(&["q", "1"]).starts_with("500 there are 3 pipes already"));
}
