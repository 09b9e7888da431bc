//! A service whose nodes share whom they have banned. In two terminals `cargo run -p example-bans 1` and
//! `cargo run -p example-bans 2`; then type `ban 192.0.2.7` into one and `is 192.0.2.7` into the other.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks on its terminal")]

mod bans;
#[cfg(test)]
mod tests;

use bans::{Bans, MODULE, REPEAT, keep_telling};
use clusterer::{
    Cluster, ClusterId, Dialect, ListenerConfig, MachineId, MemoryStore, Registration,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let own = std::env::args().nth(1).filter(|own| ["1", "2"].contains(&own.as_str()));
    let own: MachineId = own.ok_or("usage: example-bans ID, 1 or 2")?.parse()?;
    let cluster: ClusterId = "1".parse()?;
    let urls = [("1".parse()?, "bin:127.0.0.1:5566"), ("2".parse()?, "bin:127.0.0.2:5566")];
    let listener =
        ListenerConfig { address: format!("127.0.0.{own}:5566").parse()?, dialect: Dialect::V22 };
    let store = Arc::new(MemoryStore::of(cluster, urls));
    let node = Cluster::builder(own, store).listen(vec![listener]).start().await?;

    let bans = join(&node, cluster).await?;
    let (lines, mut typed) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        let mut read = std::io::stdin().lines().map_while(Result::ok);
        read.all(|line| lines.blocking_send(line).is_ok())
    });
    while let Some(line) = typed.recv().await {
        println!("{}", answer(&bans, &node, cluster, &line));
    }
    node.shutdown().await;
    Ok(())
}

/// Registers the module and has it repeat what it knows.
async fn join(node: &Cluster, cluster: ClusterId) -> Result<Arc<Bans>, Box<dyn Error>> {
    let bans = Arc::new(Bans::default());
    // Three repetitions may be lost until a node is taken for silent. Strangers ban nobody.
    let registration = Registration::new(MODULE, cluster, 4 * REPEAT).auth_check(true);
    node.register_module(registration, bans.clone()).await?;
    let (telling, weak) = (bans.clone(), node.downgrade());
    tokio::spawn(async move { keep_telling(&telling, weak, cluster).await });
    Ok(bans)
}

fn answer(bans: &Bans, node: &Cluster, cluster: ClusterId, line: &str) -> String {
    let Some((command, Ok(address))) = line.split_once(' ').map(|(it, of)| (it, of.parse())) else {
        return "ban ADDRESS, or is ADDRESS".to_owned();
    };
    match command {
        "ban" => match bans.ban(node, cluster, address, HOUR) {
            Ok(report) => format!("banned, here and on {} nodes", report.queued),
            Err(error) => format!("banned here only: {error}"),
        },
        _ if bans.is_banned(address, node.now()) => "banned".to_owned(),
        _ => "not banned".to_owned(),
    }
}
