//! What a terminal gets, on a pseudo-terminal.

use crate::server::Udp;
use crate::{LONG, Running, ctl};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Instant;

/// The other side of a terminal.
struct Terminal {
    master: OwnedFd,
    seen: String,
}

impl Terminal {
    /// Runs a command with its standard output there.
    fn start(command: &mut Command) -> (Self, Running) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let child = command.stdout(slave).spawn().unwrap();
        // What the command holds of our side of the slave goes with it.
        command.stdout(std::process::Stdio::null());
        (Self { master, seen: String::new() }, Running(child))
    }

    /// Reads until this stands there.
    fn wait_for(&mut self, text: &str) {
        let start = Instant::now();
        while !self.seen.contains(text) {
            let tail = self.seen.get(self.seen.len().saturating_sub(500)..).unwrap_or_default();
            let tail = format!("{tail:?}");
            assert!(start.elapsed() < LONG && self.read(), "no {text:?} at the end of {tail}");
        }
    }

    /// Reads to the end.
    fn rest(mut self) -> String {
        while self.read() {}
        self.seen
    }

    /// Nothing more, once the last process has closed its end.
    fn read(&mut self) -> bool {
        let patience = Timespec::try_from(LONG).unwrap();
        poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&patience)).unwrap();
        let mut buffer = [0; 4096];
        let length = rustix::io::read(&self.master, &mut buffer).unwrap_or_default();
        self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }
}

#[test]
fn states_are_coloured_and_named() {
    let daemon = Udp::start();
    let shown = |command: &mut Command| {
        let (terminal, mut child) = Terminal::start(command);
        let seen = terminal.rest();
        assert!(child.0.wait().unwrap().success(), "{seen}");
        seen
    };
    let list = || ctl(&["--mi", &daemon.mi(), "clusterer_list"]);
    let seen = shown(&mut list());
    assert!(
        seen.contains("\x1b[32mup\x1b[0m") && seen.contains("\x1b[33mprobing\x1b[0m"),
        "{seen}"
    );
    for plain in [list().env("NO_COLOR", "1"), list().env("TERM", "dumb")] {
        let seen = shown(plain);
        assert!(seen.contains("probing") && !seen.contains('\x1b'), "{seen}");
    }
}

#[test]
fn watch_gives_the_terminal_back() {
    let daemon = Udp::start();
    let mut command = ctl(&["--mi", &daemon.mi(), "watch", "--interval", "0.1"]);
    let (mut terminal, running) = Terminal::start(&mut command);
    terminal.wait_for("\x1b[?1049h");
    terminal.wait_for("clusterer_list at ");
    terminal.wait_for("probing");
    drop(daemon);
    terminal.wait_for("no answer since ");
    running.end(Signal::INT);
    let seen = terminal.rest();
    assert!(seen.ends_with("\x1b[?7h\x1b[?25h\x1b[?1049l"), "{seen:?}");
    assert_eq!(seen.matches("\x1b[?1049h").count(), 1);
}
