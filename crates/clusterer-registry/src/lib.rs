//! The module registry of a cluster node: which module takes which packets, from whom, and what it is
//! told when a node falls silent.
//!
//! Two halves. The [`Registry`] belongs to one owner, who registers modules, says which nodes there are
//! and lets time pass. Its immutable [`Modules`] snapshot is shared with the threads that receive
//! packets: [`Modules::admit`] decides about each one. What changes with every packet (when a node was
//! last heard, whether it is shut out) lives in atomics that both halves share and that survive a
//! reload.
//!
//! ```
//! use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
//! use clusterer_node::{ClusterId, MachineId, Moment, NodeKey, Protocol};
//! use clusterer_registry::{
//!     ClusterModule, Malformed, Member, ModuleEvent, PacketContext, Registration, Registry, Verdict,
//! };
//! use core::time::Duration;
//! use std::sync::Arc;
//!
//! struct Printer;
//! impl ClusterModule for Printer {
//!     fn on_packet(&self, from: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
//!         println!("{} says {:?}", from.sender, packet.body().str()?);
//!         Ok(())
//!     }
//!     fn on_event(&self, event: ModuleEvent) {
//!         println!("{event:?}");
//!     }
//! }
//!
//! let (cluster, peer) = (ClusterId::new(1).unwrap(), MachineId::new(2).unwrap());
//! let member = Member {
//!     node: NodeKey { cluster, machine: peer },
//!     protocol: Protocol::Bin,
//!     address: [127, 0, 0, 2].into(),
//! };
//! let mut registry = Registry::new(MachineId::new(1).unwrap());
//! registry.load(Moment::ZERO, [member]);
//! let registration = Registration::new("printer", cluster, Duration::from_secs(5)).auth_check(true);
//! registry.register(Moment::ZERO, registration, Arc::new(Printer)).unwrap();
//!
//! let origin = Origin { sender: 2, cluster: 1 };
//! let mut writer = PacketWriter::new(Dialect::V22, "printer", 0, origin);
//! writer.str(b"hello");
//! let bytes = writer.finish(1).unwrap().to_vec();
//! let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
//!
//! let modules = registry.modules();
//! let verdict = modules.admit([127, 0, 0, 2].into(), &packet, Moment::ZERO);
//! let Verdict::Deliver { module, context } = verdict else { panic!("it is admitted") };
//! module.on_packet(&context, &packet).unwrap();
//!
//! let impostor = modules.admit([127, 0, 0, 9].into(), &packet, Moment::ZERO);
//! assert!(matches!(impostor, Verdict::Drop(_)));
//! ```
//!
//! # Threads and errors
//! [`Registry`] has one owner, `&mut self`; [`Modules`] is shared freely, takes no lock and allocates
//! nothing. Errors are those of registration. The crate never calls a module by itself: it returns what
//! to call, so that no lock is held and a panic stays where it belongs.
//!
//! # What it refuses to do
//! Send, know what a packet means, change a node's state.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod admit;
mod module;
mod registration;
mod registry;
mod slot;
mod volume;
mod watched;

pub use admit::{DropReason, Modules, Verdict};
pub use module::{ClusterModule, Malformed, ModuleEvent, PacketContext};
pub use registration::{RegisterError, Registration};
pub use registry::{Member, Notice, Registry};
pub use volume::{Meter, Volume};
pub use watched::Watched;
