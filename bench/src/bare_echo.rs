//! The least that an answer takes: wait, read, write back.

use crate::bare;
use anyhow::Result;
use mio::{Events, Interest, Token};
use std::io::{ErrorKind, Read as _, Write as _};

const LISTENER: Token = Token(0);
const CONNECTION: Token = Token(1);

/// The role: one connection at a time. Says where it listens.
pub(crate) fn run() -> Result<()> {
    let (mut poll, listener) = bare::listen(LISTENER)?;
    let mut connection = None;
    let mut events = Events::with_capacity(16);
    let mut buffer = [0; 4096];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                let (mut socket, _) = listener.accept()?;
                socket.set_nodelay(true)?;
                poll.registry().register(&mut socket, CONNECTION, Interest::READABLE)?;
                connection = Some(socket);
                continue;
            }
            let Some(socket) = &mut connection else { continue };
            loop {
                match socket.read(&mut buffer) {
                    Ok(read) if read > 0 => {
                        socket.write_all(buffer.get(..read).unwrap_or_default())?;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    _ => {
                        connection = None;
                        break;
                    }
                }
            }
        }
    }
}
