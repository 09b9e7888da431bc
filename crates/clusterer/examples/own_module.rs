//! A module of one's own, with a packet of its own: a text. In two terminals:
//! `cargo run --example own_module 1` and `cargo run --example own_module 2`.

#![allow(clippy::print_stdout)]

use clusterer::*;
use std::{env, error::Error, sync::Arc, time::Duration};

pub(crate) struct Hello<F>(pub(crate) F);

impl<F: Fn(MachineId, &[u8]) + Send + Sync> ClusterModule for Hello<F> {
    fn on_packet(&self, from: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        (self.0)(from.sender, packet.body().str()?);
        Ok(())
    }
    fn on_event(&self, _: ModuleEvent) {}
}

pub(crate) fn say(node: &Cluster, to: ClusterId, text: &str) -> Result<SendReport, SendToError> {
    node.send_to(to, Protocol::Bin, "hello", 0, |packet| _ = packet.str(text.as_bytes()))
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let (cluster, own) = ("1".parse()?, env::args().nth(1).ok_or("1 or 2?")?);
    let urls = [("1".parse()?, "bin:127.0.0.1:5566"), ("2".parse()?, "bin:127.0.0.2:5566")];
    let builder = Cluster::builder(own.parse()?, Arc::new(MemoryStore::of(cluster, urls)));
    let address = format!("127.0.0.{own}:5566").parse()?;
    let listener = ListenerConfig { address, dialect: Dialect::V22 };
    let node = builder.listen(vec![listener]).start().await?;
    let hello = Hello(|from, text: &[u8]| println!("{from}: {}", text.escape_ascii()));
    let registration = Registration::new("hello", cluster, Duration::from_secs(5));
    node.register_module(registration, Arc::new(hello)).await?;
    loop {
        say(&node, cluster, "hello")?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
