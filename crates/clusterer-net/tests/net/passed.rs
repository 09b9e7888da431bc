//! Listeners whose sockets somebody else has bound.

use crate::THREADS;
use crate::support::{Recorder, clock, plain, wait};
use clusterer_bin::Dialect;
use clusterer_net::{BindError, Config, ListenerConfig, Net};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

fn config(addresses: &[SocketAddr]) -> Config {
    let listener = |&address| ListenerConfig { address, dialect: Dialect::V22 };
    let mut config = Config::new(addresses.iter().map(listener).collect());
    config.threads = THREADS;
    config
}

fn socket() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn refused(config: Config, sockets: Vec<TcpListener>) -> BindError {
    Net::bind_with(config, sockets).expect_err("it is refused")
}

#[test]
fn who_connects_between_two_transports_on_one_socket_is_heard_by_the_second() {
    let (held, address) = socket();
    for round in 0..3 {
        // Nobody accepts at this moment.
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(&plain("early", round).to_vec()).unwrap();
        let other = "127.0.0.1:0".parse().unwrap();
        let sockets = vec![held.try_clone().unwrap()];
        let bound = Net::bind_with(config(&[other, address]), sockets).unwrap();
        let [first, second] = bound.local_addresses()[..] else { panic!("two listeners") };
        assert_eq!(second, address, "in the order of the configuration");
        assert_ne!(first.port(), 0);
        let seen = Arc::new(Recorder::default());
        let net = bound.start(clock(), seen.clone()).unwrap();
        wait("the early packet", || seen.count("early") == 1);
        net.shutdown(Duration::ZERO);
    }
}

#[test]
fn a_socket_that_no_listener_has_the_address_of_is_refused() {
    let ((one, address), (_kept, other)) = (socket(), socket());
    let twice = one.try_clone().unwrap();
    let error = refused(config(&[other]), vec![one]);
    assert_eq!((error.address, error.error.kind()), (address, ErrorKind::InvalidInput));
    let error = refused(config(&[address]), vec![twice.try_clone().unwrap(), twice]);
    assert_eq!((error.address, error.error.kind()), (address, ErrorKind::InvalidInput));
}

#[test]
fn a_socket_on_ipv6_that_takes_ipv4_too_is_refused() {
    for only_v6 in [false, true] {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        socket.set_only_v6(only_v6).unwrap();
        socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(1).unwrap();
        let socket = TcpListener::from(socket);
        let config = config(&[socket.local_addr().unwrap()]);
        let bound = Net::bind_with(config, vec![socket]);
        assert_eq!(bound.is_ok(), only_v6, "{bound:?}");
    }
}
