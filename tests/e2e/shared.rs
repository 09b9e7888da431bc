//! One table, and several who write to it: nodes that see different peers fail, an administrator, a node
//! that is killed at it.

use crate::databases::{labs, sql, stored_state};
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Daemon, Lab, NodeRow, PATIENCE, free_address, wait_for};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const PERSISTENT: &str = "persistent_mode = 1\n\n[bin]";
const PERSISTENT_AND_AUTOMATIC: &str = "persistent_mode = 1\nauto_reload = \"100ms\"\n\n[bin]";

fn config(lab: &Lab, machine: i32, at: SocketAddr, mode: &str) -> String {
    lab.config(machine, at, "").replace("\n[bin]", mode)
}

/// A peer that is well for all but one node, whose connections it resets. It answers no pings, as a 2.2
/// node does not either.
struct Choosy {
    ending: Arc<AtomicBool>,
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Choosy {
    fn start(refused: IpAddr) -> Result<Self> {
        let listener = TcpListener::bind(free_address()?)?;
        let address = listener.local_addr()?;
        let ending = Arc::new(AtomicBool::new(false));
        let ended = ending.clone();
        let thread = thread::spawn(move || {
            let mut kept: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                match stream.peer_addr() {
                    // It is closed with what it was sent unread, which resets it.
                    Ok(from) if from.ip() == refused => wait_for_bytes(&stream),
                    _ => kept.push(stream),
                }
            }
        });
        Ok(Self { ending, address, thread: Some(thread) })
    }
}

fn wait_for_bytes(stream: &TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = stream.peek(&mut [0]);
}

impl Drop for Choosy {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether a node has ever said that a machine's state changed.
fn has_noticed(node: &Daemon, machine: i32) -> Result<bool> {
    Ok(node.changes()?.iter().any(|change| change.machine == machine))
}

#[test]
fn nodes_that_see_different_peers_fail_take_nothing_over_and_an_administrator_wins() -> Result<()> {
    let test =
        "shared::nodes_that_see_different_peers_fail_take_nothing_over_and_an_administrator_wins";
    for lab in labs(test)? {
        let at = lab.add_nodes(2)?;
        let fails_for_a = Choosy::start(at[0].ip())?;
        let fails_for_b = Choosy::start(at[1].ip())?;
        lab.add(&NodeRow::new(1, 3, fails_for_a.address))?;
        lab.add(&NodeRow::new(1, 4, fails_for_b.address))?;
        let mut a = lab.start(1, &config(&lab, 1, at[0], PERSISTENT_AND_AUTOMATIC))?;
        let mut b = lab.start(2, &config(&lab, 2, at[1], PERSISTENT_AND_AUTOMATIC))?;

        // Each writes what it sees, again and again, since each sees its peer come back.
        let failed = |machine: i32| {
            let query = format!("SELECT last_attempt FROM clusterer WHERE machine_id = {machine};");
            move |lab: &Lab| -> Result<i64> { Ok(sql(lab, &query)?.concat().parse()?) }
        };
        let (third, fourth) = (failed(3), failed(4));
        let mut seen = Vec::new();
        wait_for("both write several times", PATIENCE, || {
            let now = (third(&lab)?, fourth(&lab)?);
            if now.0 > 0 && now.1 > 0 && seen.last() != Some(&now) {
                seen.push(now);
            }
            Ok((seen.len() > 3).then_some(()))
        })?;
        ensure!(has_noticed(&a, 3)? && has_noticed(&b, 4)?, "each has seen one fail");
        ensure!(!has_noticed(&a, 4)?, "A took over what B sees:\n{}", a.log());
        ensure!(!has_noticed(&b, 3)?, "B took over what A sees:\n{}", b.log());

        sql(&lab, "UPDATE clusterer SET state = 0 WHERE machine_id = 3;")?;
        for node in [&a, &b] {
            node.wait_state(3, 0)?;
            let says_why = node.log().contains("rows_changed=1");
            ensure!(says_why, "it says what it found:\n{}", node.log());
        }
        ensure!(a.terminate()?.success() && b.terminate()?.success(), "both end well");
        assert_eq!(stored_state(&lab, 3)?, "0", "nobody's last flush replaced it");
    }
    Ok(())
}

#[test]
fn without_auto_reload_an_administrators_state_0_is_kept_and_found_by_the_next_reload() -> Result<()>
{
    let test = "shared::without_auto_reload_an_administrators_state_0_is_kept_and_found_by_the_next_reload";
    for lab in labs(test)? {
        let at = lab.add_nodes(2)?;
        let a = lab.start(1, &config(&lab, 1, at[0], PERSISTENT))?;
        wait_for("A has written that B fails", PATIENCE, || {
            Ok((stored_state(&lab, 2)? == "2").then_some(()))
        })?;
        sql(&lab, "UPDATE clusterer SET state = 0 WHERE machine_id = 2;")?;
        wait_for("A would write again", PATIENCE, || {
            Ok(a.log().contains("left as an administrator set it").then_some(()))
        })?;
        assert_eq!(stored_state(&lab, 2)?, "0");
        a.mi_ok("clusterer_reload", &[])?;
        assert_eq!(a.state_of(2)?, 0);
    }
    Ok(())
}

/// So many peers that a flush takes its time.
const CROWD: i32 = 300;

#[test]
fn a_node_killed_while_it_writes_leaves_whole_rows_and_goes_on_from_them() -> Result<()> {
    let test = "shared::a_node_killed_while_it_writes_leaves_whole_rows_and_goes_on_from_them";
    for lab in labs(test)? {
        let own = free_address()?;
        lab.add(&NodeRow::new(1, 1, own))?;
        // Nobody listens there, so that all of them are disabled, up and disabled again, together.
        let nobody = free_address()?;
        let columns = "id, cluster_id, machine_id, url, failed_attempts, duration, description";
        let mut insert = format!("INSERT INTO clusterer ({columns}) VALUES ");
        for machine in 1001..=1000 + CROWD {
            let comma = if machine == 1001 { "" } else { ", " };
            write!(insert, "{comma}({machine}, 1, {machine}, 'bin:{nobody}', 1, 1, 'a peer')")?;
        }
        sql(&lab, &insert)?;

        let mut node = lab.start(1, &config(&lab, 1, own, PERSISTENT))?;
        let mut last = 0;
        for round in 0_u64..6 {
            last = wait_for("it writes", PATIENCE, || {
                let newest = sql(&lab, "SELECT max(last_attempt) FROM clusterer;")?.concat();
                Ok(newest.parse::<i64>().ok().filter(|&newest| newest > last))
            })?;
            // Anywhere between two writes, and in the middle of them.
            thread::sleep(Duration::from_millis(170 * round));
            node.kill()?;
            check_whole(&lab, &nobody)?;
            node.restart()?;
        }
        ensure!(node.terminate()?.success(), "it ends well");
        check_whole(&lab, &nobody)?;
    }
    Ok(())
}

/// Every row is there, with what it said and with a status that makes sense.
fn check_whole(lab: &Lab, nobody: &SocketAddr) -> Result<()> {
    if lab.database().is_none() {
        assert_eq!(sql(lab, "PRAGMA integrity_check")?, ["ok"]);
    }
    let whole = format!(
        "SELECT count(*) FROM clusterer WHERE machine_id > 1000 AND url = 'bin:{nobody}' AND \
         description = 'a peer' AND ((state = 1 AND no_tries = 0) OR (state = 2 AND no_tries > 0 AND \
         last_attempt > 0));"
    );
    assert_eq!(sql(lab, &whole)?.concat(), CROWD.to_string());
    Ok(())
}

#[test]
fn what_was_not_written_before_a_kill_is_found_again() -> Result<()> {
    for lab in labs("shared::what_was_not_written_before_a_kill_is_found_again")? {
        let at = lab.add_nodes(2)?;
        let mut a = lab.start(1, &config(&lab, 1, at[0], PERSISTENT))?;
        let mut b = lab.start(2, &config(&lab, 2, at[1], PERSISTENT))?;
        wait_for("the table says that both are up", PATIENCE, || {
            Ok((a.state_of(2)? == 1 && stored_state(&lab, 2)? == "1").then_some(()))
        })?;
        b.kill()?;
        a.wait_state(2, 2)?;
        // States are written a second later at the earliest, unless this machine has stood still since.
        a.kill()?;
        let written = stored_state(&lab, 2)? == "2";
        a.restart()?;
        a.wait_state(2, 2).with_context(|| format!("written before the kill: {written}"))?;
        wait_for("it is written", PATIENCE, || Ok((stored_state(&lab, 2)? == "2").then_some(())))?;
        b.restart()?;
        a.wait_state(2, 1)?;
        wait_for("that is written too", PATIENCE, || {
            Ok((stored_state(&lab, 2)? == "1").then_some(()))
        })?;
    }
    Ok(())
}
