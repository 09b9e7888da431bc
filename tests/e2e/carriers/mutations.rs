//! Valid requests, changed at random: whatever it makes of them, the daemon lives and answers.

use super::bench::Bench;
use super::carrier::{Carrier, Reply, http_request};
use anyhow::{Context as _, Result};
use std::path::Path;

/// So many changed requests a carrier.
const MUTANTS: usize = 500;

/// After so many, a valid one.
const CHECK: usize = 50;

/// Requests that change nothing, as the commands are read-only but for a machine that does not exist.
const CALLS: [&str; 4] = [
    r#"{"jsonrpc":"2.0","method":"version","id":1}"#,
    r#"{"jsonrpc":"2.0","method":"clusterer_list","params":[],"id":"two"}"#,
    r#"{"jsonrpc":"2.0","method":"clusterer:set_status","params":{"cluster_id":9,"node_id":"99","status":1},"id":null}"#,
    r#"[{"jsonrpc":"2.0","method":"which","id":4},{"jsonrpc":"2.0","method":"help","params":["which"]}]"#,
];

/// The same numbers for the same seed (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % limit
    }
}

/// What has a meaning somewhere, and so is more likely to hit.
const TOKENS: [&[u8]; 16] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b"\xff",
    b"null",
    b"1e999",
    b"-1",
    b"::",
];

fn mutate(numbers: &mut Numbers, request: &[u8]) -> Vec<u8> {
    let mut bytes = request.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len().max(1)).min(bytes.len());
        match numbers.below(6) {
            0 => bytes.truncate(at),
            1 => {
                bytes.splice(at..at, TOKENS[numbers.below(TOKENS.len())].iter().copied());
            }
            2 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            3 => {
                let end = (at + numbers.below(9)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + numbers.below(30)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.rotate_left(at),
        }
    }
    bytes
}

/// Everything that is written for a request, as this carrier has it.
fn requests(carrier: &Carrier, reply: &str) -> Vec<Vec<u8>> {
    CALLS
        .iter()
        .flat_map(|json| match carrier {
            Carrier::Fifo { .. } => vec![
                format!(":{reply}:{json}").into_bytes(),
                format!(":{reply}:{json}\n").into_bytes(),
                format!(":help:{reply}\nwhich\n\n").into_bytes(),
                format!(":clusterer_set_status:{reply}\n9\n\"99\"\nstate::1\nbin\n\n").into_bytes(),
            ],
            Carrier::Http(server) => vec![http_request(*server, json.as_bytes())],
            Carrier::Udp(_) | Carrier::Unix { .. } => vec![
                json.as_bytes().to_vec(),
                b":help:\nwhich\n".to_vec(),
                b":clusterer_set_status:\n9\n\"99\"\nstate::1\nbin\n".to_vec(),
            ],
        })
        .collect()
}

fn survives(carrier: &Carrier, replies: &Path, seed: u64) -> Result<()> {
    let mut reply = Reply::new(replies)?;
    let requests = requests(carrier, &reply.name);
    let mut numbers = Numbers(seed);
    for number in 1..=MUTANTS {
        let request = &requests[numbers.below(requests.len())];
        let mutant = mutate(&mut numbers, request);
        let context = || format!("seed {seed}, mutant {number}: {:?}", mutant.escape_ascii());
        carrier.pour(&mutant).with_context(|| context().to_string())?;
        reply.drain();
        if number % CHECK == 0 {
            carrier.serves().with_context(|| context().to_string())?;
        }
    }
    Ok(())
}

#[test]
fn a_daemon_survives_changed_requests() -> Result<()> {
    let bench = Bench::new("")?;
    let replies = bench.lab.reply_dir();
    let carriers = bench.all();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = carriers
            .iter()
            .zip(1..)
            .map(|(carrier, seed)| {
                let replies = &replies;
                scope.spawn(move || survives(carrier, replies, 0x5EED_0000 + seed))
            })
            .collect();
        for thread in threads {
            thread.join().ok().context("a thread panicked")??;
        }
        Ok(())
    })?;
    assert_eq!(bench.one.state_of(2)?, 1, "no status of a node was changed");
    assert_eq!(bench.two.state_of(1)?, 1);
    for daemon in [&bench.one, &bench.two] {
        let log = daemon.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(log.lines().count() < 300, "what is wrong fills no log: {}", log.lines().count());
    }
    Ok(())
}
