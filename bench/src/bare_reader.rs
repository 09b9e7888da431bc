//! The least that a receiver can do: wait, read much at a time, walk the lengths. No check, no module, no
//! figures. What a packet costs here is what the kernel takes for it.

use crate::bare;
use anyhow::{Context as _, Result, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token};
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _};

/// Most bytes a read takes.
const READ: usize = 256 * 1024;
/// A packet's marker, its length, and what a 2.2 sender leaves unset behind it.
const HEADER: usize = 6;
const LISTENER: Token = Token(usize::MAX);

/// The role: says where it listens, then how many packets came over each connection that has ended.
pub(crate) fn run() -> Result<()> {
    let (mut poll, listener) = bare::listen(LISTENER)?;
    let mut connections = HashMap::new();
    let mut next = 0;
    let mut events = Events::with_capacity(256);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Some(mut socket) = accepted(&listener)? {
                    poll.registry().register(&mut socket, Token(next), Interest::READABLE)?;
                    connections.insert(Token(next), Connection::new(socket));
                    next += 1;
                }
                continue;
            }
            let connection = connections.get_mut(&event.token()).context("it is registered")?;
            if connection.read(event.is_read_closed())? == Now::Ended {
                println!("{}", connection.packets);
                connections.remove(&event.token());
            }
        }
    }
}

fn accepted(listener: &TcpListener) -> Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((socket, _)) => Ok(Some(socket)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Now {
    Ended,
    Waits,
}

struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of a packet whose rest has not come, at the buffer's begin.
    kept: usize,
    packets: u64,
}

impl Connection {
    fn new(socket: TcpStream) -> Self {
        // A packet is shorter than 64 KiB.
        Self { socket, buffer: vec![0; READ + 64 * 1024], kept: 0, packets: 0 }
    }

    /// Until there is no more, or until the end if it has come: there would be no event of its own.
    fn read(&mut self, to_the_end: bool) -> Result<Now> {
        loop {
            let into = self.buffer.get_mut(self.kept..).context("a buffer")?;
            let room = into.len();
            let read = match self.socket.read(into) {
                Ok(0) => return Ok(Now::Ended),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Now::Waits),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.walk(self.kept + read)?;
            if read < room && !to_the_end {
                // There was no more; of what comes from now on there is an event.
                return Ok(Now::Waits);
            }
        }
    }

    fn walk(&mut self, filled: usize) -> Result<()> {
        let mut rest = self.buffer.get(..filled).context("a buffer")?;
        while let Some((header, _)) = rest.split_first_chunk::<HEADER>() {
            let &[.., low, high] = header;
            let length = usize::from(u16::from_le_bytes([low, high]));
            if length < HEADER {
                bail!("a packet of {length} bytes");
            }
            let Some(behind) = rest.get(length..) else { break };
            self.packets += 1;
            rest = behind;
        }
        self.kept = rest.len();
        self.buffer.copy_within(filled - self.kept..filled, 0);
        Ok(())
    }
}
