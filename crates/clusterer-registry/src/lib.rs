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
//! use clusterer_node::{Cell, ClusterId, MachineId, Moment, RawRow, ResolvedRow, Row, Table, UnixTime};
//! use clusterer_registry::{
//!     ClusterModule, Malformed, ModuleEvent, PacketContext, Registration, Registry, Verdict,
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
//! let row = |machine: u8| {
//!     let raw = RawRow {
//!         id: Cell::Int(machine.into()),
//!         cluster_id: Cell::Int(1),
//!         machine_id: Cell::Int(machine.into()),
//!         url: Cell::Text(format!("bin:127.0.0.{machine}:5566")),
//!         ..RawRow::default()
//!     };
//!     let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
//!     ResolvedRow { row, ip: [127, 0, 0, machine].into() }
//! };
//! let (cluster, own) = (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap());
//! let (table, _) = Table::build(own, vec![row(1), row(2)]);
//! let mut registry = Registry::new(own);
//! registry.load(Moment::ZERO, Arc::new(table));
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
//! Who receives many packets over one connection keeps its [`Routes`]: a packet like one before it needs only
//! be compared, and those that come together are let in together ([`Route::arrive`]).
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
mod members;
mod module;
mod outlet;
mod registration;
mod registry;
mod route;
mod routes;
mod slot;
mod slots;
mod volume;
mod watched;

pub use admit::{DropReason, Modules, Verdict};
pub use module::{ClusterModule, Delivery, Malformed, ModuleEvent, PacketContext, Run};
pub use outlet::Outlet;
pub use registration::{RegisterError, Registration};
pub use registry::{Notice, Registry};
pub use route::{Epoch, Pass, Route};
pub use routes::Routes;
pub use volume::{Meter, Volume};
pub use watched::Watched;
