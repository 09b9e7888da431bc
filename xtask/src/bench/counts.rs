//! `cargo xtask bench --counts`: how many instructions our operations take, beside what was accepted.

use super::Section;
use super::callgrind::{self, Count};
use super::text::grouped;
use crate::shell::{cargo, read, run as run_command, stopwatch};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The program that does what is counted.
pub(crate) const MANIFEST: &str = "bench/counts/Cargo.toml";
/// What was accepted, for each compiler.
const ACCEPTED: &str = "bench/counts/accepted.txt";
/// So many percent more than accepted is a failure, so many less is worth accepting.
const TOLERANCE: u64 = 2;

const HEADER: &str = "\
# Instructions an operation, by compiler, as `cargo xtask bench --counts --accept` wrote them. A growth of more
# than 2 % fails `cargo xtask ci`: accept it only with a reason, in the commit's message.
";

/// Counts, shows, and compares with what was accepted; or accepts.
pub(crate) fn run(root: &Path, accept: bool) -> Result<Section> {
    let started = Instant::now();
    let counts = count(root)?;
    let compiler = compiler(root)?;
    let path = root.join(ACCEPTED);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let accepted = section(&text, &compiler);
    let judgement = Judgement::of(accepted.as_deref(), &counts);
    print!("{}", judgement.listing);
    println!("counts: [{}] {compiler}", stopwatch(started.elapsed()));
    if accept {
        fs::write(&path, replaced(&text, &compiler, &counts))
            .with_context(|| path.display().to_string())?;
        println!("counts: accepted, in {ACCEPTED}");
        return Ok(to_show(&counts));
    }
    match &accepted {
        None => println!(
            "counts: NOTHING COMPARED: {ACCEPTED} knows other compilers only. For this one: \
             cargo xtask bench --counts --accept"
        ),
        Some(_) if judgement.better > 0 => println!(
            "counts: {} better than accepted. So that it stays so: cargo xtask bench --counts \
             --accept",
            judgement.better
        ),
        Some(_) => {}
    }
    if !judgement.worse.is_empty() {
        bail!(
            "more instructions than accepted:\n  {}\nIf it is worth that: cargo xtask bench --counts \
             --accept, and say why in the commit",
            judgement.worse.join("\n  ")
        );
    }
    Ok(to_show(&counts))
}

/// What they are, compared with nothing.
fn to_show(counts: &[Count]) -> Section {
    let figures = counts.iter().map(|(name, count)| (name.clone(), Value::from(*count)));
    let mut markdown = String::from("| operation | instructions |\n|---|---:|\n");
    for (name, count) in counts {
        let _ = writeln!(markdown, "| {name} | {} |", grouped(*count));
    }
    Section { name: "counts".to_owned(), markdown, figures: figures.collect() }
}

fn count(root: &Path) -> Result<Vec<Count>> {
    lock(root)?;
    let mut build =
        cargo(root, "build --release --quiet --target-dir target/bench --manifest-path");
    // Flags of one's own would be another compiler.
    run_command(build.arg(MANIFEST).env_remove("RUSTFLAGS"))?;
    let target = root.join("target/bench");
    callgrind::count(&target.join("release/counts"), &[], &target.join("callgrind/counts"))
}

/// Gives the program the versions of the workspace, as those in tests/embed.
pub(crate) fn lock(root: &Path) -> Result<()> {
    let lock = root.join(MANIFEST).with_file_name("Cargo.lock");
    fs::copy(root.join("Cargo.lock"), &lock).with_context(|| lock.display().to_string())?;
    Ok(())
}

/// The compiler's version and what it compiles for: other instructions come out of another one.
fn compiler(root: &Path) -> Result<String> {
    let mut rustc = Command::new("rustc");
    let about = read(rustc.arg("-vV").current_dir(root))?;
    let version = about.lines().next().context("`rustc -vV` says nothing")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(format!("{version}, {}", host.context("`rustc -vV` names no host")?))
}

/// What was accepted for a compiler.
fn section(text: &str, compiler: &str) -> Option<Vec<Count>> {
    let begin = text.lines().position(|line| line == heading(compiler))?;
    let lines = text.lines().skip(begin + 1).take_while(|line| !line.starts_with('['));
    let count = |line: &str| {
        let (count, name) = line.trim().split_once("  ")?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    Some(lines.filter_map(count).collect())
}

/// The text with another section for a compiler. Those of the others stay.
fn replaced(text: &str, compiler: &str, counts: &[Count]) -> String {
    let mut replaced = String::from(HEADER);
    let mut sections = text.split_inclusive('\n').skip_while(|line| !line.starts_with('['));
    let mut own = false;
    let others = sections.by_ref().filter(|line| {
        if line.starts_with('[') {
            own = line.trim_end() == heading(compiler);
        }
        !own && !line.trim().is_empty()
    });
    for line in others {
        if line.starts_with('[') {
            replaced.push('\n');
        }
        replaced.push_str(line);
    }
    let _ = writeln!(replaced, "\n{}", heading(compiler));
    for (name, count) in counts {
        let _ = writeln!(replaced, "{count:>8}  {name}");
    }
    replaced
}

fn heading(compiler: &str) -> String {
    format!("[{compiler}]")
}

/// Counts beside those that were accepted.
#[derive(Debug, Default)]
struct Judgement {
    listing: String,
    /// Each with what is wrong with it.
    worse: Vec<String>,
    better: usize,
}

impl Judgement {
    fn of(accepted: Option<&[Count]>, counts: &[Count]) -> Self {
        let mut judgement = Self::default();
        for (name, count) in counts {
            let before = accepted.map(|accepted| accepted.iter().find(|(known, _)| known == name));
            let note = match before {
                None => String::new(),
                Some(None) => {
                    judgement.worse.push(format!("{name}: {count}, never accepted"));
                    "NEW".to_owned()
                }
                Some(Some(&(_, before))) => judgement.compare(name, before, *count),
            };
            let line = format!("{:>10}  {name:<36} {note}", grouped(*count));
            let _ = writeln!(judgement.listing, "{}", line.trim_end());
        }
        let is_counted = |known: &String| counts.iter().any(|(name, _)| name == known);
        for (name, _) in accepted.unwrap_or_default().iter().filter(|(it, _)| !is_counted(it)) {
            judgement.worse.push(format!("{name}: accepted, and not counted any more"));
        }
        judgement
    }

    fn compare(&mut self, name: &str, before: u64, count: u64) -> String {
        let (most, least) = (before * (100 + TOLERANCE), before * (100 - TOLERANCE));
        let change = format!("{:+.1} %", 100.0 * (count as f64 / before as f64 - 1.0));
        if count * 100 > most {
            self.worse.push(format!("{name}: {before} -> {count} ({change})"));
            format!("{change} GROWN")
        } else if count * 100 < least {
            self.better += 1;
            format!("{change} better")
        } else if count == before {
            String::new()
        } else {
            change
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Vec<Count> {
        counts.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    }

    /// Accepted 1000, now this: how many are worse, how many better.
    fn judge(count: u64) -> (usize, usize) {
        let accepted = counts(&[("decode, 1 pipe", 1000)]);
        let judgement = Judgement::of(Some(&accepted), &counts(&[("decode, 1 pipe", count)]));
        (judgement.worse.len(), judgement.better)
    }

    #[test]
    fn two_percent_pass_and_more_do_not() {
        assert_eq!([judge(980), judge(1000), judge(1020)], [(0, 0); 3]);
        assert_eq!((judge(1021), judge(979)), ((1, 0), (0, 1)));
    }

    #[test]
    fn what_is_new_or_gone_has_to_be_accepted() {
        let (old, new) = (counts(&[("decode", 10)]), counts(&[("encode", 10)]));
        let judgement = Judgement::of(Some(&old), &new);
        let expected = ["encode: 10, never accepted", "decode: accepted, and not counted any more"];
        assert_eq!(judgement.worse, expected);
    }

    #[test]
    fn another_compiler_is_compared_with_nothing() {
        let judgement = Judgement::of(None, &counts(&[("decode", 10)]));
        assert!(judgement.worse.is_empty());
        assert_eq!(judgement.listing, "        10  decode\n");
    }

    #[test]
    fn what_is_accepted_is_read_again_and_others_stay() {
        let (first, second) = (counts(&[("a, 1 node", 1), ("b", 2)]), counts(&[("b", 30_000)]));
        let text = replaced("", "rustc 1", &first);
        let text = replaced(&text, "rustc 2", &second);
        assert_eq!(section(&text, "rustc 1"), Some(first));
        assert_eq!(section(&text, "rustc 2").as_ref(), Some(&second));
        assert_eq!(section(&text, "rustc"), None);

        let text = replaced(&text, "rustc 1", &second);
        assert_eq!(section(&text, "rustc 1").as_ref(), Some(&second));
        assert_eq!(section(&text, "rustc 2"), Some(second));
        assert_eq!(text.matches("# Instructions").count(), 1);
    }

    #[test]
    fn the_committed_counts_can_be_read() {
        let text = fs::read_to_string(crate::shell::repository().join(ACCEPTED)).unwrap();
        let compilers = text.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
        let sections: Vec<_> = compilers.map(|it| section(&text, it).unwrap()).collect();
        assert!(!sections.is_empty());
        assert!(
            sections.iter().all(|counts| counts.iter().any(|(name, _)| name == "decode, 1 pipe"))
        );
    }

    #[test]
    fn what_is_shown_is_a_table() {
        let Section { markdown, figures, .. } = to_show(&counts(&[("admit, 1 node", 1234)]));
        assert!(markdown.ends_with("|---|---:|\n| admit, 1 node | 1,234 |\n"), "{markdown}");
        assert_eq!(figures, serde_json::json!({"admit, 1 node": 1234}));
    }
}
