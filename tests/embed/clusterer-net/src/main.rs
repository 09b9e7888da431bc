//! A recorder of packets: it listens, prints what arrives, and dials nobody.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clusterer_bin::{Dialect, Packet};
use clusterer_net::{
    Clock, Config, Ingress, ListenerConfig, Net, Packets, Receiver, Reply, Source, Trust,
};
use clusterer_node::{Attempt, LinkEvent, Moment};

struct Recorder;

impl Ingress for Recorder {
    fn open(self: Arc<Self>, from: &Source) -> Box<dyn Receiver> {
        Box::new(Recording { from: *from })
    }

    fn link(&self, _: Attempt, _: LinkEvent, _: Moment) {}
}

struct Recording {
    from: Source,
}

impl Receiver for Recording {
    fn packets(&mut self, packets: &mut Packets<'_>, at: Moment, _: &mut Reply<'_>) -> Trust {
        for packet in packets {
            match packet {
                Ok(Packet { sender, command, .. }) => {
                    println!("{at:?} {}: node {sender}, command {command}", self.from.peer);
                }
                Err(error) => println!("{}: {error}", self.from.peer),
            }
        }
        Trust::Stranger
    }
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
