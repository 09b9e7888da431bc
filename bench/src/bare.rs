//! How the bare loops begin.

use crate::child::end_with_parent;
use anyhow::Result;
use mio::net::TcpListener;
use mio::{Interest, Poll, Token};

/// Listens on loopback, says where, and ends with whoever wanted to know.
pub(crate) fn listen(listening: Token) -> Result<(Poll, TcpListener)> {
    end_with_parent(|_| {});
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    poll.registry().register(&mut listener, listening, Interest::READABLE)?;
    println!("{}", listener.local_addr()?);
    Ok((poll, listener))
}
