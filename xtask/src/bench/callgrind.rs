//! Counting instructions with valgrind: the same program gives the same counts, whatever else the machine
//! is doing; to half a percent where a seed of the process takes part.
//!
//! A program to be counted names an operation on a line of its standard output, then does it within a
//! function called `measured`, and so on. Valgrind counts inside that function only and writes a file at each
//! of its ends, so that one run of the program counts all of its operations, and what they need is prepared
//! once.
//!
//! Gungraun does nearly this, by a runner of its own: 172 crates, four minutes to build on the two processors
//! of a fresh CI, and one process, hence one table of 100,000 nodes, for each operation. This takes seconds.

use crate::shell::read;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// An operation and how many instructions it takes.
pub(super) type Count = (String, u64);

/// The function between whose begin and end is counted, in whichever crate.
const MEASURED: &str = "*::measured";

/// The C library's routines for processors without these. Otherwise a count would depend on the machine.
const PLAIN_ROUTINES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM";

pub(super) fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success())
}

/// Counts the operations of a program. What its first operation, which does nothing, takes is taken off
/// the others. `directory` is for valgrind's files.
pub(super) fn count(program: &Path, arguments: &[&str], directory: &Path) -> Result<Vec<Count>> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
        _ => fs::create_dir_all(directory)?,
    }
    let files = directory.join("out");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--dump-after={MEASURED}"))
        .arg(format!("--callgrind-out-file={}", files.display()))
        .arg(program)
        .args(arguments)
        // A function of the C library would be looked up at its first call, and counted with it.
        .env("LD_BIND_NOW", "1")
        .env("GLIBC_TUNABLES", PLAIN_ROUTINES);
    let names = read(&mut valgrind)?;
    let counts = (1..).zip(names.lines()).map(|(number, name)| {
        let file = files.with_extension(number.to_string());
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let count = summary(&text).with_context(|| format!("no count in {}", file.display()))?;
        Ok((name.to_owned(), count))
    });
    without_overhead(counts.collect::<Result<_>>()?)
}

/// The sum that valgrind has written into a file.
fn summary(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("summary: "))?.trim().parse().ok()
}

fn without_overhead(counts: Vec<Count>) -> Result<Vec<Count>> {
    let mut counts = counts.into_iter();
    let (nothing, overhead) = counts.next().context("the program counts nothing")?;
    ensure!(nothing == "nothing", "the first operation is {nothing:?}, not \"nothing\"");
    // More than a call and its return: something else was counted with it.
    ensure!(overhead < 10, "to do nothing takes {overhead} instructions");
    Ok(counts.map(|(name, count)| (name, count.saturating_sub(overhead))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_a_file_is_found() {
        let file =
            "# callgrind format\npart: 2\nevents: Ir\nsummary: 344\n\nfn=(802) main\n58 344\n";
        assert_eq!(summary(file), Some(344));
        assert_eq!(summary("totals: 3\n"), None);
    }

    #[test]
    fn what_measuring_takes_is_taken_off() {
        let count = |name: &str, count| (name.to_owned(), count);
        let counts = without_overhead(vec![count("nothing", 2), count("decode", 344)]).unwrap();
        assert_eq!(counts, [count("decode", 342)]);
        for broken in [vec![], vec![count("decode", 344)], vec![count("nothing", 99)]] {
            assert!(without_overhead(broken).is_err());
        }
    }
}
