//! A recorder of packets: it listens, prints what arrives, and dials nobody.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clusterer_bin::{Dialect, FieldError, Packet};
use clusterer_net::{Clock, Config, Ingress, ListenerConfig, Net, Reply, Source, Trust};
use clusterer_node::{Attempt, LinkEvent, Moment};

struct Recorder;

impl Ingress for Recorder {
    fn packet(&self, from: &Source, packet: &Packet<'_>, at: Moment, _: &mut Reply<'_>) -> Trust {
        println!("{at:?} {}: node {}, command {}", from.peer, packet.sender, packet.command);
        Trust::Stranger
    }

    fn malformed(&self, from: &Source, error: &FieldError, _: Moment) {
        println!("{}: {error}", from.peer);
    }

    fn link(&self, _: Attempt, _: LinkEvent, _: Moment) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = ([127, 0, 0, 1], 0).into();
    let bound = Net::bind(Config::new(vec![ListenerConfig { address, dialect: Dialect::V22 }]))?;
    println!("recording at {:?}", bound.local_addresses());

    let begin = Instant::now();
    let clock: Clock = Arc::new(move || Moment::ZERO.after(begin.elapsed()));
    let net = bound.start(clock, Arc::new(Recorder))?;
    net.shutdown(Duration::from_secs(1));
    Ok(())
}
