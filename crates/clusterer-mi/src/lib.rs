//! The management interface (MI): a table of commands, and servers for them: a FIFO and datagram sockets, in
//! the text form of OpenSIPS 2.x and as JSON-RPC, and JSON-RPC over HTTP.
//!
//! A command is a [`Spec`] and an async function from [`Args`] to a [`MiReply`], which is one value
//! that any transport can render, as text or as JSON. Programs fill a [`CommandTable`] and hand it to transports; those only
//! translate. The text form ([`TextParser`], [`render_text`]) is free of IO and works for any carrier.
//!
//! ```
//! use clusterer_mi::{Args, CommandTable, MiNode, MiReply, Spec, command, render_text};
//!
//! let mut table = CommandTable::new();
//! table
//!     .add(command(Spec::new("ping", &[], "Answers"), |_: Args| async {
//!         MiReply::ok().with_node(MiNode::new("Pong", 1))
//!     }))
//!     .unwrap();
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let reply = table.run("ping", Args::none()).await.unwrap();
//! assert_eq!(render_text("ping", &reply), "200 OK\nPong:: 1\n\n");
//! # });
//! ```
//!
//! # Features
//! - `client` (default): `Client`, blocking, without tokio, for every carrier; `call` for the text form
//!   over a FIFO. Linux.
//! - `fifo` (default): `FifoServer`, on tokio. Linux.
//! - `datagram`: `DatagramServer`, on tokio: a Unix socket or UDP. Linux.
//! - `http`: `HttpServer`, on tokio: JSON-RPC, and pages and event streams of the program.
//! - `json`: `jsonrpc`, the JSON-RPC form, free of IO as the text form is.
//!
//! Without features the crate is the table and the text form.
//!
//! # Threads and errors
//! The table is filled by one owner, then shared; commands are called from any thread, several at once.
//! Nothing panics, whatever a client writes; a command that panics is a failed command to its client.
//! Errors say what was wrong, where, and what to do.
//!
//! # What it refuses to do
//! Know any cluster: the commands of one are added by the program. Follow a reply name out of its
//! directory, through a link or into anything but a FIFO. Wait for a client without end. Let other hosts run
//! commands over UDP, or over HTTP without a token, unless told to; do what a page of another site makes a browser ask.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(all(doctest, feature = "client", feature = "fifo"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(any(feature = "datagram", feature = "fifo"))]
mod accounts;
mod args;
mod builtin;
mod calendar;
#[cfg(feature = "client")]
mod client;
mod data;
#[cfg(feature = "datagram")]
mod datagram;
#[cfg(feature = "fifo")]
mod fifo;
#[cfg(feature = "json")]
mod guard;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "json")]
pub mod jsonrpc;
#[cfg(any(feature = "datagram", feature = "fifo", feature = "http"))]
mod limited;
#[cfg(feature = "json")]
mod parse;
mod reference;
#[cfg(any(feature = "datagram", feature = "http"))]
mod remedy;
mod reply;
mod requests;
#[cfg(any(feature = "datagram", feature = "fifo"))]
mod runner;
mod spec;
mod table;
mod text;
#[cfg(any(feature = "client", feature = "http"))]
mod token;

pub use args::{Arg, ArgError, Args};
pub use builtin::{uptime, version};
pub use calendar::format_utc;
#[cfg(feature = "client")]
pub use client::{CallError, Client, ClientError, Refusal, Target, TargetError, call};
pub use data::MiData;
#[cfg(feature = "datagram")]
pub use datagram::{
    DatagramAddress, DatagramAddressError, DatagramConfig, DatagramError, DatagramHandle,
    DatagramServer,
};
#[cfg(feature = "fifo")]
pub use fifo::{FifoConfig, FifoError, FifoHandle, FifoServer};
#[cfg(feature = "http")]
pub use http::{
    EventSender, HttpAccess, HttpConfig, HttpError, HttpHandle, HttpResponse, HttpServer,
    ServerEvent, StreamClosed,
};
#[cfg(feature = "json")]
pub use jsonrpc::JsonAnswer;
#[cfg(feature = "json")]
pub use parse::NotJson;
pub use reference::reference;
pub use reply::{MiNode, MiReply, MiValue};
pub use requests::describe_metrics;
#[cfg(any(feature = "datagram", feature = "fifo"))]
pub use runner::MAX_JSON;
pub use spec::{BoxFuture, Kind, MiCommand, Param, Presence, Spec, command};
pub use table::{CommandTable, DuplicateCommand, UnknownCommand};
pub use text::{
    AnswerError, EncodeError, MAX_HEAD, MAX_PARAMS, Request, TextAnswer, TextError, TextErrorKind,
    TextParser, encode_request, render_parse_error, render_text, render_unknown,
};
#[cfg(any(feature = "client", feature = "http"))]
pub use token::{Token, TokenError};

/// Runs a future that never waits.
#[cfg(test)]
fn block_on<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Poll, Waker};
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}
