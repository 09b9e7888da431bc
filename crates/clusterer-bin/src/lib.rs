//! The BIN protocol, byte for byte: the packets by which OpenSIPS nodes replicate data over TCP.
//!
//! A stream is cut into packets by a [`Framer`], which keeps no buffer of its own; [`Packet::parse`]
//! reads a header in place; a [`Reader`] walks the body without copying; a [`PacketWriter`] writes.
//! There are two header [`Dialect`]s, that of 2.2 and that of 2.4 to 4.x, and the dialect is a value
//! of each stream. For tools, a [`Layout`] names the fields of a packet that is known, and a
//! [`FieldTree`] holds them.
//!
//! ```
//! use clusterer_bin::{Dialect, Framer, Origin, Packet, PacketWriter, Step};
//!
//! let origin = Origin { sender: 1, cluster: 1 };
//! let mut writer = PacketWriter::new(Dialect::V22, "ratelimit", 0, origin);
//! writer.str(b"p1").int(1).int(100).int(20);
//! let bytes = writer.finish(2).unwrap().to_vec();
//!
//! let mut framer = Framer::new(Dialect::V22);
//! let Step::Packet { bytes, .. } = framer.next(&bytes).unwrap() else { panic!("it is whole") };
//! let packet = Packet::parse(Dialect::V22, bytes).unwrap();
//! assert_eq!((packet.module, packet.command, packet.sender), (&b"ratelimit"[..], 0, 1));
//! let mut body = packet.body();
//! assert_eq!(body.str().unwrap(), b"p1");
//! assert_eq!(body.int().unwrap(), 1);
//! ```
//!
//! # Threads and errors
//! Values and borrowed slices only; nothing is shared. A [`FrameError`] means that the stream is lost
//! and its connection must be closed; a [`FieldError`] concerns one packet, the stream goes on; a
//! [`WriteError`] or a [`TreeError`] means that there is no packet to send. Nothing panics, whatever the
//! bytes. Framing and reading allocate nothing; writing does, and so do trees.
//!
//! # What it refuses to do
//! Read sockets, guess dialects, judge senders, know what a module's packet means: a layout only
//! names the fields of packets that are known.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;

mod dialect;
mod error;
mod frame;
mod layout;
mod layouts;
mod packet;
mod reader;
mod tree;
mod writer;

pub use dialect::Dialect;
pub use error::{FieldError, FrameError, WriteError};
pub use frame::{Framer, MAX_ZERO_WORDS, Step};
pub use layout::{CHUNK_MARKER, Element, Field, Kind, Layout};
pub use packet::Packet;
pub use reader::Reader;
pub use tree::{FieldTree, Record, TreeError, TreeProblem, Value};
pub use writer::{Encoded, Origin, Outgoing, PacketWriter, Tail};
