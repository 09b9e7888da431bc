//! `clustererctl --text COMMAND` as a user runs it, against a server of clusterer-mi.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use assert_cmd::Command;
use clusterer_mi::{
    Args, CommandTable, FifoConfig, FifoHandle, FifoServer, MiNode, MiReply, Spec, command,
};
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A daemon of which only the management is real.
struct Daemon {
    directory: TempDir,
    runtime: Runtime,
    handle: Option<FifoHandle>,
}

impl Daemon {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut config = FifoConfig::new(directory.path().join("mi"));
        config.reply_dir = directory.path().to_owned();
        let server = FifoServer::bind(config).unwrap();
        let handle = {
            let _guard = runtime.enter();
            server.serve(Arc::new(stubs())).unwrap()
        };
        Self { directory, runtime, handle: Some(handle) }
    }

    fn mi(&self) -> String {
        format!("fifo:{}", self.directory.path().join("mi").display())
    }

    fn reply_dir(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let mi = self.mi();
        run(&[&["--mi", &mi, "--reply-dir", self.reply_dir(), "--text"], words].concat())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.shutdown());
        }
    }
}

/// `echo` answers its parameters, `tree` nodes below nodes, `refuse` a 404 with a node, `silent` an
/// error that the text form hides, `hang` nothing.
fn stubs() -> CommandTable {
    let mut table = CommandTable::new();
    let commands = [
        command(Spec::new("echo", &[], "For tests"), |args: Args| async move {
            MiReply::ok().with_nodes(args.iter().map(|arg| MiNode::new("Arg", arg.value.as_str())))
        }),
        command(Spec::new("tree", &[], "For tests"), |_| async {
            let server = MiNode::new("Server", 2).with_attribute("State", 1);
            MiReply::ok().with_node(MiNode::new("Cluster", 1).with_child(server))
        }),
        command(Spec::new("refuse", &[], "For tests"), |_| async {
            MiReply::error(404, "Pipe not found")
        }),
        command(Spec::new("silent", &[], "For tests"), |_| async {
            MiReply::SilentError { code: 404, reason: "Machine not found".into() }
        }),
        command(Spec::new("hang", &[], "For tests"), |_| std::future::pending()),
    ];
    for command in commands {
        table.add(command).unwrap();
    }
    table
}

fn ctl() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"));
    command.env_remove("CLUSTERERCTL_MI").env_remove("CLUSTERERCTL_TOKEN_FILE");
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    outcome(ctl().args(args))
}

fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn done(out: &str) -> (i32, String, String) {
    (0, out.to_owned(), String::new())
}

/// That a run fails with this code and one line that holds this.
fn assert_fails(got: &(i32, String, String), code: i32, why: &str) {
    let (exit, out, err) = got;
    assert_eq!((*exit, out.as_str()), (code, ""), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.starts_with("clustererctl: ") && err.contains(why), "{err}");
}

#[test]
fn the_lines_of_an_answer_are_printed_with_their_indent() {
    let daemon = Daemon::start();
    assert_eq!(daemon.run(&["tree"]), done("Cluster:: 1\n\tServer:: 2 State=1\n"));
    assert_eq!(daemon.run(&["echo"]), done(""));
}

#[test]
fn parameters_are_values_also_those_that_look_like_options() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.run(&["echo", "1", "two words", "-h", "a::b", "a=b", "--", "--mi", "--"]),
        done("Arg:: 1\nArg:: two words\nArg:: -h\nArg:: a::b\nArg:: a=b\nArg:: --mi\nArg:: --\n")
    );
    assert_fails(&daemon.run(&["echo", ""]), 2, "parameter 1 is empty");
    assert_fails(&daemon.run(&["echo", &"x".repeat(5000)]), 2, "at most");
    assert_fails(&daemon.run(&["a:b"]), 2, "cannot be the name of a command");
    for option in ["--mi", "--mi=fifo:x", "--jsn"] {
        assert_fails(&daemon.run(&["echo", option]), 2, "options come before the command");
    }
    assert_fails(&daemon.run(&["echo", "--json"]), 2, "--text gives lines, not JSON");
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let daemon = Daemon::start();
    let refused = |out: &str, err: &str| (1, out.to_owned(), err.to_owned());
    assert_eq!(daemon.run(&["refuse"]), refused("", "404 Pipe not found\n"));
    assert_eq!(daemon.run(&["nope"]), refused("", "500 command 'nope' not available\n"));
}

/// The text form keeps 2.2's promise to old scripts; clustererctl does not guess behind it.
#[test]
fn an_error_that_the_text_form_hides_is_a_success() {
    let daemon = Daemon::start();
    assert_eq!(daemon.run(&["silent"]), done(""));
}

#[test]
fn the_environment_stands_for_the_option() {
    let daemon = Daemon::start();
    let from_environment = |mi: &str, more: &[&str]| {
        let reply_dir = ["--reply-dir", daemon.reply_dir(), "--text"];
        outcome(ctl().env("CLUSTERERCTL_MI", mi).args(more).args(reply_dir).args(["echo", "x"]))
    };
    assert_eq!(from_environment(&daemon.mi(), &[]), done("Arg:: x\n"));
    assert_eq!(from_environment("fifo:/nowhere", &["--mi", &daemon.mi()]), done("Arg:: x\n"));
    assert_fails(&from_environment("fifo:/nowhere", &[]), 3, "/nowhere");
}

#[test]
fn nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mi");
    let mi = format!("fifo:{}", path.display());
    let ask = || run(&["--mi", &mi, "--reply-dir", directory.path().to_str().unwrap(), "which"]);
    assert_fails(&ask(), 3, "there is no FIFO");

    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_fails(&ask(), 3, "nobody reads");

    fs::remove_file(&path).unwrap();
    fs::write(&path, "kept").unwrap();
    assert_fails(&ask(), 3, "is no FIFO");
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
}

#[test]
fn no_answer_in_time() {
    let daemon = Daemon::start();
    assert_fails(&daemon.run(&["--timeout", "1", "hang"]), 3, "no reply within 1s");
    let left = fs::read_dir(daemon.directory.path()).unwrap().count();
    assert_eq!(left, 1, "only the command FIFO is left");
}

#[test]
fn a_reply_directory_that_is_none() {
    let daemon = Daemon::start();
    let missing = daemon.directory.path().join("missing");
    let missing = missing.to_str().unwrap();
    let got = run(&["--mi", &daemon.mi(), "--reply-dir", missing, "echo"]);
    assert_fails(&got, 3, "cannot make or read the reply FIFO");
}

#[test]
fn a_wrong_command_line() {
    assert_fails(&run(&["which"]), 2, "--mi fifo:PATH (its fifo_name), unix:PATH");
    for (url, why) in [
        ("http://root:secret@h:8888/mi", "--mi: a URL has no user or password"),
        ("https://root:secret@h/mi", "--mi: there is no TLS"),
        ("ftp://root:secret@h/mi", "--mi: want fifo:PATH"),
        ("udp:h", "--mi: want a port"),
        ("fifo:", "--mi: want the path"),
        ("/tmp/mi", "--mi: want fifo:PATH"),
    ] {
        let got = run(&["--mi", url, "which"]);
        assert_fails(&got, 2, why);
        assert!(!got.2.contains("secret"), "{}", got.2);
    }
    let got = outcome(ctl().env("CLUSTERERCTL_MI", "udp:h").arg("which"));
    assert_fails(&got, 2, "CLUSTERERCTL_MI: want a port");
    assert_fails(&run(&["--mi", "http://127.0.0.1:1", "--text", "which"]), 2, "has no text form");
    assert_eq!(run(&["--timeout", "0", "which"]).0, 2);
    assert_eq!(run(&["--mi", "fifo:/tmp/mi"]).0, 2);
    assert_eq!(run(&["watch", "--interval", "0"]).0, 2);
}

#[test]
fn options_of_the_daemon_s_commands_are_not_ignored_by_others() {
    let url = ["--db-url", "sqlite:/nowhere/cluster.db"];
    let options: [&[&str]; 6] = [
        &["--mi", "fifo:/nowhere"],
        &["--reply-dir", "/nowhere"],
        &["--timeout", "1"],
        &["--token-file", "/nowhere"],
        &["--json"],
        &["--text"],
    ];
    for option in options {
        let got = run(&[option, &["db", "list"], &url].concat());
        assert_fails(&got, 2, "before the command is for commands that the daemon runs");
        assert_fails(&run(&[option, &["bin", "encode"]].concat()), 2, "before the command");
    }
}
