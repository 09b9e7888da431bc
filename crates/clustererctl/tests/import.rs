//! `clustererctl import` as a user runs it.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const CONFIG: &str = "loadmodule 'clusterer.so'\n\
                      modparam('clusterer', 'db_url', 'postgres://o:s%crEt@127.0.0.1/o')\n\
                      modparam('clusterer', 'server_id', 1)\n";

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(directory: &Path, args: &[&str]) -> Run {
    run_with_input(directory, args, String::new())
}

fn run_with_input(directory: &Path, args: &[&str], input: String) -> Run {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"));
    command.current_dir(directory).arg("import").args(args).write_stdin(input);
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Run { code: output.status.code(), out, err }
}

fn with_config(config: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("opensips.cfg"), config).unwrap();
    directory
}

#[test]
fn the_configuration_goes_to_standard_output() {
    let directory = with_config(CONFIG);
    let Run { code, out, err } = run(directory.path(), &["opensips.cfg"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("# Imported from opensips.cfg by clustererctl "), "{out}");
    assert!(
        out.contains("\ndb_url = \"postgres://o:s%25crEt@127.0.0.1/o\"\nserver_id = 1\n"),
        "{out}"
    );
}

/// `m4 opensips.m4 | clustererctl import -`: a pipe has no name that leads to it.
#[test]
fn standard_input_is_read_by_each_of_its_names() {
    let directory = with_config("");
    let (url, rest) = CONFIG.split_once("modparam('clusterer', 'server_id'").unwrap();
    fs::write(directory.path().join("url.cfg"), url).unwrap();
    for (name, text) in [
        ("-", format!("include_file \"url.cfg\" modparam('clusterer', 'server_id'{rest}")),
        ("/dev/stdin", CONFIG.to_owned()),
    ] {
        let Run { code, out, err } = run_with_input(directory.path(), &[name], text);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(out.starts_with(&format!("# Imported from {name} by clustererctl ")), "{out}");
        assert!(out.contains("o:s%25crEt@127.0.0.1/o\"\nserver_id = 1\n"), "{out}");
    }
}

#[test]
fn an_output_file_is_new_and_its_owner_s() {
    let directory = with_config(CONFIG);
    let args = ["opensips.cfg", "--output", "node.toml"];
    let Run { code, out, err } = run(directory.path(), &args);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let path = directory.path().join("node.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, run(directory.path(), &["opensips.cfg"]).out);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let again = run(directory.path(), &args);
    assert_eq!((again.code, again.out.as_str()), (Some(1), ""));
    assert!(again.err.starts_with("clustererctl: node.toml: not written: "), "{}", again.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "what is there stays");
}

#[test]
fn a_bad_configuration_is_one_line_without_its_password_and_nothing_is_written() {
    for bad in [
        "modparam('ratelimit', 'timer_interval', 0)",
        "modparam('clusterer', 'db_url', 'x:s%crEt')",
    ] {
        let directory = with_config(&format!("{CONFIG}{bad}"));
        let Run { code, out, err } =
            run(directory.path(), &["opensips.cfg", "--output", "node.toml"]);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.starts_with("clustererctl: opensips.cfg:4:"), "{err}");
        assert_eq!(err.lines().count(), 1);
        assert!(!err.contains("crEt"), "{err}");
        assert!(!directory.path().join("node.toml").exists());
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = with_config("import_file \"gone.cfg\"\n include_file \"gone.cfg\"");
    let Run { code, err, .. } = run(directory.path(), &["opensips.cfg"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("clustererctl: opensips.cfg:2:2: cannot read gone.cfg: "), "{err}");
    let Run { code, err, .. } = run(directory.path(), &["missing.cfg"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("clustererctl: missing.cfg: cannot read it: "), "{err}");
    assert_eq!(run(directory.path(), &[]).code, Some(2));
}

#[test]
fn a_file_that_includes_itself_by_another_name_is_found_out() {
    let directory = with_config("include_file \"link.cfg\"");
    std::os::unix::fs::symlink("opensips.cfg", directory.path().join("link.cfg")).unwrap();
    let Run { code, err, .. } = run(directory.path(), &["opensips.cfg"]);
    assert_eq!(code, Some(1));
    let expected = "clustererctl: opensips.cfg:1:1: link.cfg is included while it is being read\n";
    assert_eq!(err, expected);
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let directory = with_config(&"#\n".repeat((4 << 20) / 2 + 1));
    let Run { code, err, .. } = run(directory.path(), &["opensips.cfg"]);
    assert_eq!(code, Some(1));
    assert_eq!(err, "clustererctl: opensips.cfg: cannot read it: longer than 4 MiB\n");
}
