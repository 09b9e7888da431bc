//! Files that include others.

use super::super::Disk;
use super::{Files, NODE, OURS, import_bytes, import_files};
use std::io;
use std::path::Path;

#[test]
fn included_files_are_found_from_the_file_that_includes_them() {
    let files = [
        ("a.cfg", "include_file \"sub/b.cfg\"\nmodparam('clusterer', 'server_id', 1)"),
        ("sub/b.cfg", "import_file \"gone.cfg\" route { include_file \"c.cfg\" }"),
        ("sub/c.cfg", "} modparam('clusterer', 'db_url', 'sqlite:/x.db') x {"),
    ];
    assert!(import_files(&files).unwrap().contains(OURS));

    let mut wrong = files;
    wrong[2].1 = "\n 'hunter2";
    let error = "sub/c.cfg:2:2: this string is not ended: ' is missing, included at sub/b.cfg:1:32, included at a.cfg:1:1";
    assert_eq!(import_files(&wrong).unwrap_err(), error);
    let error = import_files(&files[..2]).unwrap_err();
    assert!(error.starts_with("sub/b.cfg:1:32: cannot read sub/c.cfg: "), "{error}");
    assert_eq!(
        import_bytes(b"include_file x").unwrap_err(),
        "a.cfg:1:1: the name of a file in quotes must follow"
    );
}

#[test]
fn a_platform_in_several_files_of_windows_is_read() {
    let files = [
        (
            "a.cfg",
            "include_file \"./inc/../inc/m.cfg\"\r\ninclude_file 'inc/l.cfg'\r\nroute{ include_file \"inc/r.cfg\"\r\n}",
        ),
        ("./inc/../inc/m.cfg", "import_file \"local.cfg\"\r\ninclude_file \"../b.cfg\"\r\n"),
        (
            "./inc/../inc/../b.cfg",
            "modparam(\"clusterer\",\"db_url\", # its URL\r\n\"sqlite:/x.db\")\r\n",
        ),
        (
            "inc/l.cfg",
            "modparam(\"clusterer|clusterer\", \"server_id\", 0x1)\r\nlisten=bin:[::1]:5566\r\n",
        ),
        ("inc/r.cfg", "if(1){ exit; } # no line feed"),
    ];
    let toml = import_files(&files).unwrap();
    assert!(toml.contains(OURS) && toml.contains("listen = [\"bin:[::1]:5566\"]\n"), "{toml}");
}

#[test]
fn files_that_include_each_other_are_an_error() {
    let files = [("a.cfg", "\n include_file \"b.cfg\""), ("b.cfg", "include_file \"a.cfg\"")];
    assert_eq!(
        import_files(&files).unwrap_err(),
        "b.cfg:1:1: a.cfg is included while it is being read, included at a.cfg:2:2"
    );
}

#[test]
fn inclusion_has_its_bounds() {
    let chain = |length: usize| {
        let name = |number| if number == 0 { "a.cfg".to_owned() } else { format!("{number}.cfg") };
        let mut files: Vec<_> = (0..length)
            .map(|at| (name(at), format!("include_file \"{}\"", name(at + 1))))
            .collect();
        files.push((name(length), NODE.to_owned()));
        let files: Vec<_> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        import_files(&files)
    };
    assert!(chain(10).is_ok());
    let error = chain(11).unwrap_err();
    assert!(error.starts_with("10.cfg:1:1: files include each other more than 10 deep"), "{error}");

    // Each includes the next one four times.
    let names: Vec<_> = (1..10).map(|number| format!("{number}.cfg")).collect();
    let texts: Vec<_> =
        names.iter().map(|name| format!("include_file \"{name}\"\n").repeat(4)).collect();
    let mut files = vec![("a.cfg", texts[0].as_str()), ("9.cfg", "")];
    files.extend(names.iter().zip(&texts[1..]).map(|(name, text)| (name.as_str(), text.as_str())));
    let error = import_files(&files).unwrap_err();
    assert!(error.contains("more than 1000 files or 16 MiB"), "{error}");
}

/// An include of that name read standard input.
#[test]
fn only_the_command_line_names_standard_input() {
    let included = Disk.read(Path::new("-")).map(|found| found.text);
    assert_eq!(included.map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
}
