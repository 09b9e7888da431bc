//! The BIN transport of a cluster node: listeners, outbound links and their bounded queues, on one
//! thread or more that sleep unless something happens.
//!
//! [`Net::bind`] binds the listeners, [`Bound::start`] starts the threads, [`Net::handle`] gives a
//! [`Transport`]: packets and [`Command`]s go in there from any thread, and what arrives comes out of
//! an [`Ingress`]: each connection has a [`Receiver`] of its own, which is given what was read at once, in
//! place.
//!
//! ```
//! use clusterer_bin::{Dialect, Origin, PacketWriter};
//! use clusterer_net::{
//!     Clock, Command, Config, Ingress, LinkSpec, ListenerConfig, Net, Packets, Receiver, Reply, Source,
//!     Transport, Trust,
//! };
//! use clusterer_node::{Attempt, LinkEvent, LinkId, Moment};
//! use std::sync::{Arc, Mutex, mpsc};
//! use std::time::{Duration, Instant};
//!
//! struct Print(Mutex<mpsc::Sender<Vec<u8>>>);
//!
//! impl Ingress for Print {
//!     fn open(self: Arc<Self>, _: &Source) -> Box<dyn Receiver> {
//!         Box::new(Connection(self.0.lock().unwrap().clone()))
//!     }
//!     fn link(&self, _: Attempt, _: LinkEvent, _: Moment) {}
//! }
//!
//! struct Connection(mpsc::Sender<Vec<u8>>);
//!
//! impl Receiver for Connection {
//!     fn packets(&mut self, packets: &mut Packets<'_>, _: Moment, _: &mut Reply<'_>) -> Trust {
//!         for packet in packets.flatten() {
//!             let _ = self.0.send(packet.module.to_vec());
//!         }
//!         Trust::Known
//!     }
//! }
//!
//! let begin = Instant::now();
//! let clock: Clock = Arc::new(move || Moment::ZERO.after(begin.elapsed()));
//! let (sender, arrived) = mpsc::channel();
//! let ingress = Arc::new(Print(Mutex::new(sender)));
//!
//! let address = "127.0.0.1:0".parse().unwrap();
//! let listener = ListenerConfig { address, dialect: Dialect::V22 };
//! let bound = Net::bind(Config::new(vec![listener])).unwrap();
//! let peer = bound.local_addresses()[0];
//! let net = bound.start(clock, ingress).unwrap();
//!
//! // This node talks to itself.
//! let handle = net.handle();
//! let link = LinkId { index: 0, generation: 0 };
//! let user_timeout = Duration::from_millis(500);
//! let spec = LinkSpec { link, peer, bind: None, dialect: Dialect::V22, user_timeout };
//! handle.command(Command::Open(spec));
//! handle.command(Command::Dial(Attempt { link, number: 1 }));
//! let writer = PacketWriter::new(Dialect::V22, "hello", 0, Origin { sender: 1, cluster: 1 });
//! handle.send(link, writer.finish(2).unwrap()).unwrap();
//! assert_eq!(arrived.recv().unwrap(), b"hello");
//! net.shutdown(Duration::from_secs(1));
//! ```
//!
//! # Threads
//! A [`Net`] owns [`Config::threads`] threads, on which every method of the [`Ingress`] and its receivers runs. A
//! connection belongs to one of them for life, and so does a link, with all its connections: what is told of it is
//! told in order, one call at a time; calls about others may be under way on other threads meanwhile. A thread
//! that ends by a panic takes the others along. [`Handle`] may be
//! used from any thread, also inside a callback, and never blocks. Packets of one link that one thread
//! sends arrive in the order in which they were sent, control packets aside. While nothing happens
//! the threads use no CPU.
//!
//! # Errors
//! A refused packet is a [`SendError`] on the spot; every other dropped packet is counted by reason
//! (see [`describe_metrics`]). Whatever a peer sends, it can lose only its own connection and its own
//! packets: a lost stream ([`FrameError`](clusterer_bin::FrameError)) closes its connection, a packet
//! with an unreadable header is dropped. Everything is bounded: queues, answers, connections, the time
//! a packet may take, log lines.
//!
//! # What it refuses to do
//! Dial by itself, decide whether a peer is up, limit how long a connect may take (hang up instead),
//! judge senders, know what packets mean, install a recorder or a subscriber.

#![forbid(unsafe_code)]

mod admission;
mod census;
mod command;
mod config;
mod connection;
mod descriptors;
mod desk;
mod dial;
mod directory;
mod drain;
mod entry;
mod event_loop;
mod failure;
mod handle;
mod inflow;
mod levels;
mod links;
mod listener;
mod log_limit;
mod manner;
mod meters;
mod net;
mod outflow;
mod packets;
mod queue;
mod slots;
mod transport;
mod wake;

pub use command::{Command, LinkSpec};
pub use config::{Config, ListenerConfig};
pub use handle::Handle;
pub use meters::describe_metrics;
pub use net::{BindError, Bound, Net};
pub use packets::Packets;
pub use transport::{
    AfterDrain, Clock, Drained, Ingress, Receiver, Reply, SendError, Source, Transport, Trust,
};
