//! What a 2.2 node was recorded to answer over its FIFO, asked of a running daemon byte for byte.

use super::carrier::{Answer, Carrier, Reply};
use crate::databases::sql;
use crate::manual::RATELIMIT;
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Daemon, Lab, NodeRow, PATIENCE, free_address, wait_for};
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// The recorded exchanges of a 2.2 node over its FIFO: the request, and the reply.
fn recorded_by_2_2() -> Result<BTreeMap<String, (String, String)>> {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/clusterer-mi/tests/transcripts");
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "req") {
            let case = path.file_stem().context("a name")?.display().to_string();
            let reply = fs::read_to_string(path.with_extension("rep"))?;
            all.insert(case, (fs::read_to_string(path)?, reply));
        }
    }
    Ok(all)
}

/// A node as the recorded one was configured, beside one peer that is listened for and says nothing.
struct Recorded {
    lab: Lab,
    node: Daemon,
    /// Where the peer is: the recorded one was at 127.0.0.2:5566.
    peer: TcpListener,
    transcripts: BTreeMap<String, (String, String)>,
}

impl Recorded {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let own = free_address()?;
        lab.add(&NodeRow { duration: 30, ..NodeRow::new(1, 1, own) })?;
        let peer = TcpListener::bind(free_address()?)?;
        lab.add(&NodeRow {
            duration: 30,
            description: "node B".into(),
            ..NodeRow::new(1, 2, peer.local_addr()?)
        })?;
        let node = lab.start(1, &lab.config(1, own, RATELIMIT))?;
        Ok(Self { lab, node, peer, transcripts: recorded_by_2_2()? })
    }

    /// Makes the request of a case, which is then done with; what was recorded, and what it is here.
    fn ask(&mut self, case: &str) -> Result<(String, String)> {
        let (request, recorded) = self.transcripts.remove(case).context("a transcript")?;
        let mut reply = Reply::new(&self.lab.reply_dir())?;
        self.write(&request.replace("REPLYFIFO", &reply.name))?;
        let answer =
            reply.read(PATIENCE).and_then(Answer::text).with_context(|| case.to_owned())?;
        let peer = self.peer.local_addr()?.to_string();
        Ok((recorded.replace("127.0.0.2:5566", &peer), answer))
    }

    fn write(&self, request: &str) -> Result<()> {
        Carrier::Fifo { fifo: self.node.fifo().to_owned(), replies: self.lab.reply_dir() }
            .pour(request.as_bytes())
    }

    /// It must be answered byte for byte as it was recorded.
    fn same(&mut self, case: &str) -> Result<()> {
        let (recorded, answer) = self.ask(case)?;
        ensure!(answer == recorded, "{case}: recorded {recorded:?}, answered {answer:?}");
        Ok(())
    }
}

#[test]
fn a_script_for_2_2_is_answered_as_by_2_2() -> Result<()> {
    let mut bench = Recorded::new()?;
    bench.same("list")?;
    bench.same("set_ok_state0")?;
    bench.same("list_state0")?;
    bench.same("list_with_arg")?;
    bench.same("set_named")?;
    assert_eq!(bench.node.state_of(2)?, 1, "the names are ignored, the values are not");
    bench.node.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
    bench.same("edge_spaces_params")?;
    assert_eq!(bench.node.state_of(2)?, 1);
    bench.node.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
    bench.same("set_ok_state1")?;
    assert_eq!(bench.node.state_of(2)?, 1);
    for refused in ["set_state2", "set_3params_noproto", "set_noparams", "set_unknown_machine"] {
        bench.same(refused)?;
        assert_eq!(bench.node.state_of(2)?, 1, "{refused}");
    }
    bench.same("unknown")?;

    // A reply FIFO whose name has a point is refused, and so is the request. Requests are taken in their
    // order: that the next one is answered shows that this one was.
    let (request, recorded) = bench.transcripts.remove("edge_dot_reply").context("a transcript")?;
    let refused = Reply::named(&bench.lab.reply_dir(), "refused.x")?;
    bench.write(&request.replace("REPLYFIFO.x", &refused.name))?;
    bench.node.mi_ok("version", &[])?;
    ensure!(recorded.is_empty() && refused.is_untouched()?, "it is answered nowhere");

    shapes(&mut bench)?;
    pipes(&mut bench)?;
    reloads(&mut bench)?;
    lists(&mut bench)?;

    // The manual shows it as the way to call a command; 2.2 ignores it.
    let (request, recorded) =
        bench.transcripts.remove("edge_no_reply_name").context("a transcript")?;
    bench.write(&request)?;
    bench.node.mi_ok("version", &[])?;
    ensure!(recorded.is_empty(), "it has nowhere to be answered");
    let left: Vec<_> = bench.transcripts.keys().collect();
    ensure!(left.is_empty(), "not asked: {left:?}");
    Ok(())
}

/// Those that hold times and names, which differ by nature: line by line the same but for those.
fn shapes(bench: &mut Recorded) -> Result<()> {
    let (recorded, answer) = bench.ask("uptime")?;
    let names = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(":: ").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&answer), names(&recorded));
    // `Now:: Sun Nov 22 08:51:41 2026`, `Up time:: 14 [sec]`.
    let lengths = |text: &str| -> Vec<usize> { text.lines().take(3).map(str::len).collect() };
    assert_eq!(lengths(&answer), lengths(&recorded.replace("14 [sec]", "1 [sec]")));

    let (recorded, answer) = bench.ask("which")?;
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let (recorded, answer) = (lines(&recorded), lines(&answer));
    assert_eq!(answer.first(), recorded.first());
    assert_eq!(answer.last().map(String::as_str), Some(""), "it ends with an empty line");
    for both in ["uptime", "version", "which", "help", "clusterer_reload", "clusterer_list"] {
        assert!(answer.iter().any(|line| line == both), "{both}");
    }
    // The recorder left out the end of this long one.
    let common: Vec<_> = recorded.iter().filter(|line| answer.contains(line)).collect();
    assert!(common.iter().any(|line| *line == "clusterer_set_status"), "{common:?}");
    Ok(())
}

/// A pipe that was used before the last tick.
fn pipes(bench: &mut Recorded) -> Result<()> {
    bench.node.mi_ok("rl_check", &["inv_fwd1", "100"])?;
    wait_for("a tick passes without calls", PATIENCE, || {
        Ok((bench.node.pipe_counter("inv_fwd1")? == Some(0)).then_some(()))
    })?;
    let (recorded, answer) = bench.ask("rl_list")?;
    // There is no SIP server whose CPU could be measured.
    assert_eq!(answer, recorded.replace("drop_rate=42", "drop_rate=0"));
    Ok(())
}

fn reloads(bench: &mut Recorded) -> Result<()> {
    bench.same("reload")?;
    sql(&bench.lab, "UPDATE clusterer SET url = 'no url at all' WHERE machine_id = 2;")?;
    bench.same("reload_badurl")?;
    // A machine of no cluster lists nothing.
    sql(&bench.lab, "UPDATE clusterer SET machine_id = 77 WHERE machine_id = 1;")?;
    bench.node.mi_ok("clusterer_reload", &[])?;
    bench.same("list_empty")?;
    sql(&bench.lab, "UPDATE clusterer SET machine_id = 1 WHERE machine_id = 77;")?;
    sql(&bench.lab, "UPDATE version SET table_version = 2 WHERE table_name = 'clusterer';")?;
    bench.same("reload_version2")?;
    sql(&bench.lab, "UPDATE version SET table_version = 1 WHERE table_name = 'clusterer';")?;
    Ok(())
}

/// Every kind of URL, two clusters, row ids in no order.
fn lists(bench: &mut Recorded) -> Result<()> {
    sql(&bench.lab, "DELETE FROM clusterer WHERE machine_id <> 1;")?;
    let own = sql(&bench.lab, "SELECT url FROM clusterer WHERE machine_id = 1;")?.concat();
    let three = TcpListener::bind(free_address()?)?;
    // Without a port in its URL it is 5555.
    let five = TcpListener::bind((free_address()?.ip(), 5555))?;
    let six = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (peer, three, six_port) =
        (bench.peer.local_addr()?, three.local_addr()?, six.local_addr()?.port());
    let five_ip = five.local_addr()?.ip();
    let rows = [
        (2, 1, 2, format!("bin:{peer}"), 9, 7, "node B"),
        (3, 1, 3, format!("bin:{three}"), 3, 30, "three"),
        (4, 1, 4, "127.0.0.4:5599".to_owned(), 3, 30, "no proto"),
        (5, 1, 5, format!("bin:{five_ip}"), 3, 30, "no port"),
        (6, 2, 1, own, 3, 30, "own"),
        (7, 2, 6, format!("BIN:localhost:{six_port}"), 3, 30, "host name"),
        (9, 1, 8, "udp:127.0.0.8:5060".to_owned(), 3, 30, "udp"),
        (10, 2, 9, format!("bin:{three}"), 3, 30, "none"),
    ];
    for (id, cluster, machine, url, failed_attempts, duration, description) in rows {
        sql(
            &bench.lab,
            &format!(
                "INSERT INTO clusterer (id, cluster_id, machine_id, url, state, failed_attempts, \
                 duration, description) VALUES ({id}, {cluster}, {machine}, '{url}', 1, \
                 {failed_attempts}, {duration}, '{description}');"
            ),
        )?;
    }
    bench.node.mi_ok("clusterer_reload", &[])?;
    let (recorded, answer) = bench.ask("list_many")?;
    let recorded = recorded
        .replace("127.0.0.3:5566", &three.to_string())
        .replace("127.0.0.9:5566", &three.to_string())
        .replace("bin:127.0.0.5 ", &format!("bin:{five_ip} "))
        .replace("localhost:5566", &format!("localhost:{six_port}"))
        // Junk of a failed attempt: 2.2 writes 32 bits too many.
        .replace("Last_failed_attempt=27565142136", "Last_failed_attempt=0")
        .replace("no_tries=1", "no_tries=0");
    assert_eq!(answer, recorded);
    Ok(())
}
