//! `cargo xtask bench --codecs`: our codec beside others on the same content.

use super::text::grouped;
use super::{Section, callgrind};
use crate::shell::{cargo, read, run as run_command};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// The program that compares. It has a lock file of its own: nothing else here uses the other codecs.
pub(crate) const MANIFEST: &str = "bench/codecs/Cargo.toml";

/// What the goal is about, and by how much another may be faster.
const GOAL: Goal = Goal { name: "clusterer-bin", pipes: 1, nanoseconds: 15.0, behind: 1.1 };

struct Goal {
    name: &'static str,
    pipes: u32,
    nanoseconds: f64,
    behind: f64,
}

/// A codec with packets of so many pipes.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    pipes: u32,
    name: String,
    bytes: u64,
    encode: Cost,
    decode: Cost,
}

/// What a packet costs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    nanoseconds: f64,
    allocations: f64,
    instructions: u64,
}

/// Compares, and shows what it found.
pub(crate) fn run(root: &Path) -> Result<Section> {
    let rows = measure(root)?;
    let (table, judgement) = (table(&rows), judge(&rows)?);
    print!("{table}");
    println!("codecs: {judgement}");
    let figures = rows.iter().map(figures).collect();
    let markdown = format!("{table}\nFor {judgement}.\n");
    Ok(Section { name: "codecs".to_owned(), markdown, figures })
}

fn figures(row: &Row) -> Value {
    let Row { pipes, name, bytes, encode, decode } = row;
    let cost = |cost: &Cost| {
        let Cost { nanoseconds, allocations, instructions } = cost;
        json!({"ns": nanoseconds, "instructions": instructions, "allocations": allocations})
    };
    json!({
        "pipes": pipes,
        "codec": name,
        "bytes": bytes,
        "decode": cost(decode),
        "encode": cost(encode),
    })
}

/// The comparison as a table in Markdown.
fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| pipes | codec | bytes | decode: ns | instructions | allocations \
         | encode: ns | instructions | allocations |\n|---:|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for Row { pipes, name, bytes, encode, decode } in rows {
        let _ = writeln!(
            table,
            "| {pipes} | {name} | {bytes} | {} | {} |",
            cells(decode),
            cells(encode)
        );
    }
    table
}

fn cells(cost: &Cost) -> String {
    let Cost { nanoseconds, allocations, instructions } = cost;
    format!("{nanoseconds:.1} | {} | {allocations}", grouped(*instructions))
}

fn measure(root: &Path) -> Result<Vec<Row>> {
    let mut build = cargo(root, "build --release --quiet --target-dir target/bench");
    build.args(["--manifest-path", MANIFEST]).env_remove("RUSTFLAGS");
    run_command(&mut build)?;
    let target = root.join("target/bench");
    let program = target.join("release/codecs");
    let timed = read(&mut Command::new(&program))?;
    let counts = callgrind::count(&program, &["count"], &target.join("callgrind/codecs"))?;
    let (pairs, _) = counts.as_chunks();
    ensure!(pairs.len() == timed.lines().count(), "not everything was counted that was timed");
    let rows = timed.lines().zip(pairs);
    rows.map(|(line, [(_, encoded), (_, decoded)])| row(line, [*encoded, *decoded])).collect()
}

/// A line of the program, with the counts of encoding and decoding.
fn row(line: &str, [encoded, decoded]: [u64; 2]) -> Result<Row> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [pipes, name, bytes, times @ ..] = &fields[..] else {
        anyhow::bail!("not a line of the codecs: {line:?}")
    };
    let times = times.iter().map(|time| time.parse()).collect::<Result<Vec<f64>, _>>();
    let Ok([encode, written, decode, read]) = times.as_deref() else {
        anyhow::bail!("not the figures of a codec: {line:?}")
    };
    let cost = |nanoseconds: &f64, allocations: &f64, instructions| Cost {
        nanoseconds: *nanoseconds,
        allocations: *allocations,
        instructions,
    };
    Ok(Row {
        pipes: pipes.parse()?,
        name: (*name).to_owned(),
        bytes: bytes.parse()?,
        encode: cost(encode, written, encoded),
        decode: cost(decode, read, decoded),
    })
}

/// Whether the goal is reached, in words.
fn judge(rows: &[Row]) -> Result<String> {
    let mut rows = rows.iter().filter(|row| row.pipes == GOAL.pipes).collect::<Vec<_>>();
    let ours = rows.iter().position(|row| row.name == GOAL.name).context("we are not there")?;
    let ours = rows.swap_remove(ours);
    let faster = |a: &&&Row, b: &&&Row| a.decode.nanoseconds.total_cmp(&b.decode.nanoseconds);
    let best = rows.iter().min_by(faster).context("nobody to compare with")?;
    let Cost { nanoseconds, allocations, .. } = ours.decode;
    let ratio = nanoseconds / best.decode.nanoseconds;
    let reached = nanoseconds <= GOAL.nanoseconds && allocations == 0.0 && ratio <= GOAL.behind;
    let word = if reached { "reached" } else { "NOT REACHED" };
    Ok(format!(
        "decoding 1 pipe, goal {word}: {nanoseconds:.1} ns, {allocations} allocations, {ratio:.2} \
         times the time of {}",
        best.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, decode: f64, allocations: f64) -> Row {
        row(&format!("1\t{name}\t51\t77.5\t2\t{decode}\t{allocations}"), [900, 1_440]).unwrap()
    }

    #[test]
    fn a_line_becomes_a_row_of_the_table() {
        let table = table(&[sample("clusterer-bin", 4.6, 0.0)]);
        let row = "| 1 | clusterer-bin | 51 | 4.6 | 1,440 | 0 | 77.5 | 900 | 2 |\n";
        assert!(table.ends_with(row), "{table}");
        for line in ["", "1\tours\t51", "1\tours\t51\t1\t2\t3\tx", "1\tours\t51\t1\t2\t3\t4\t5"] {
            assert!(row_of(line).is_err(), "{line}");
        }
    }

    fn row_of(line: &str) -> Result<Row> {
        row(line, [1, 1])
    }

    #[test]
    fn the_goal_is_time_and_memory_and_the_others() {
        let judged = |decode, allocations, other| {
            let rows = [sample("clusterer-bin", decode, allocations), sample("rkyv", other, 0.0)];
            judge(&rows).unwrap().contains("goal reached")
        };
        assert!(judged(15.0, 0.0, 14.0) && judged(5.5, 0.0, 5.0));
        assert!(!judged(15.1, 0.0, 15.0), "too slow");
        assert!(!judged(5.0, 1.0, 5.0), "allocates");
        assert!(!judged(5.6, 0.0, 5.0), "more than a tenth behind");
        assert!(judge(&[sample("rkyv", 5.0, 0.0)]).is_err());
    }
}
