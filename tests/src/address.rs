//! Addresses that nobody else uses.

use anyhow::{Result, bail};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The port of the manual's nodes.
const PORT: u16 = 5566;

/// A loopback address at random, on which nobody listens: there are 16 million of them, so tests that
/// run at the same time do not meet, and each node has an address of its own, as real hosts have.
///
/// # Errors
/// None of many attempts could be listened on.
pub fn free_address() -> Result<SocketAddr> {
    for _ in 0..100 {
        let [a, b, c, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
        // Not the network's first and last address, nor 127.0.0.x, which people use.
        let address = SocketAddr::from((Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254)), PORT));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no loopback address 127.x.y.z:{PORT} can be listened on")
}
