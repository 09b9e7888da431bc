//! `watch` in a pipe.

use crate::server::Udp;
use crate::{Running, ctl, run};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};

struct Watch {
    process: Running,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(args: &[&str]) -> Self {
        let mut child = ctl(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { process: Running(child), lines }
    }

    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn wait_for(&mut self, text: &str) {
        while !self.next().contains(text) {}
    }
}

#[test]
fn a_block_follows_the_other_across_a_restart() {
    let daemon = Udp::start();
    let address = daemon.address;
    let mut watch = Watch::start(&["--mi", &daemon.mi(), "watch", "--interval", "0.1", "rl_list"]);
    for _ in 0..2 {
        let head = watch.next();
        assert!(head.starts_with("--- ") && head.ends_with(" UTC"), "{head}");
        assert_eq!(watch.next(), "Pipes");
        assert_eq!(watch.next(), "  id       algorithm  limit  counter");
        assert_eq!(watch.next(), "  gateway  TAILDROP     100        7");
        assert_eq!(watch.next(), "drop_rate  0");
    }
    drop(daemon);
    watch.wait_for("no answer since ");
    let _again = Udp::at(address);
    watch.wait_for("gateway");
    watch.process.end(Signal::TERM);
}

#[test]
fn json_is_a_line_each() {
    let daemon = Udp::start();
    let mut watch =
        Watch::start(&["--mi", &daemon.mi(), "watch", "--interval", "0.1", "rl_list", "--json"]);
    let first = watch.next();
    assert!(first.starts_with(r#"{"Pipes":"#), "{first}");
    assert_eq!(watch.next(), first);
    watch.process.end(Signal::INT);
}

#[test]
fn what_is_wrong_from_the_start_ends_it() {
    let gone = Udp::start().mi();
    assert_eq!(run(&["--mi", &gone, "watch"]).0, 3);
    let daemon = Udp::start();
    let (code, out, err) = run(&["--mi", &daemon.mi(), "watch", "nope"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("-32601 Method not found"), "{err}");
    assert_eq!(run(&["--mi", &daemon.mi(), "watch", "rl_list", "--jsn"]).0, 2);
}
