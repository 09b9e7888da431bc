//! TLS, with a server that says no more than that it has understood what came through it.
//!
//! The certificates are for `localhost` and 127.0.0.1, made for these tests and of no use elsewhere.

use crate::fixture::open_error;
use clusterer_db::{DbUrl, Options};
use clusterer_node::StoreError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/authority.pem");

/// The error of a client that got through is what the server says there.
const THROUGH: &str = "through TLS came user somebody";

fn error(parameters: &str, host: &str) -> StoreError {
    let address = if host == "localhost" { "127.0.0.1" } else { host };
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Not joined: a client that never comes is to fail the test, not to hang it.
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    let url = format!("mysql://somebody:SECRET@{host}:{port}/x{parameters}");
    let options = Options::default().query_timeout(Duration::from_secs(20));
    let error = open_error(&url.parse::<DbUrl>().unwrap(), &options);
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    error
}

/// What a server says first: who it is, 20 bytes to prove a password with, and what it can do.
fn greeting(has_tls: bool) -> Vec<u8> {
    // Of the low half: an error has a state, TLS, transactions, passwords of 20 bytes; of the high half:
    // several statements, ways to log in.
    let abilities: [u8; 2] = if has_tls { [0x0b, 0xaa] } else { [0x0b, 0xa2] };
    let said = [
        &b"\x0a8.0.0-test\0\x07\0\0\0abcdefgh\0"[..],
        &abilities,
        b"\x2d\x02\0\x0b\0\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0",
    ]
    .concat();
    packet(0, &said)
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[length, 0, 0, number], payload].concat()
}

/// Answers a request for TLS, and a message in it with an error that names the user.
fn serve(mut stream: TcpStream) {
    stream.write_all(&greeting(true)).unwrap();
    let mut request = [0; 36];
    stream.read_exact(&mut request).unwrap();
    assert_eq!(request[..4], [32, 0, 0, 1], "the request for TLS, which says no more");
    assert_eq!(request[5] & 0x08, 0x08, "the request for TLS");
    let certificates = include_bytes!("../certificates/server.pem");
    let key = include_bytes!("../certificates/server.key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            CertificateDer::pem_slice_iter(certificates).map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        )
        .unwrap();
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
    let mut message = [0; 1024];
    // A client that does not trust us ends here.
    let Ok(length) = stream.read(&mut message) else { return };
    let user = String::from_utf8_lossy(&message[36..length]).into_owned();
    let user = user.split('\0').next().unwrap();
    let answer = format!("\u{7f}\u{15}\u{4}#28000through TLS came user {user}");
    let mut answer = packet(3, answer.as_bytes());
    answer[4] = 0xff;
    stream.write_all(&answer).unwrap();
    stream.flush().unwrap();
}

#[test]
fn a_certificate_of_the_authority_for_the_host_is_trusted() {
    for (parameters, host) in [
        (format!("?sslmode=verify-full&sslrootcert={AUTHORITY}"), "localhost"),
        (format!("?sslmode=verify-full&sslrootcert={AUTHORITY}"), "127.0.0.1"),
        (format!("?sslrootcert={AUTHORITY}"), "localhost"),
        ("?sslmode=require".to_owned(), "localhost"),
    ] {
        let error = error(&parameters, host);
        assert!(error.to_string().contains(THROUGH), "{parameters} {host}: {error}");
    }
}

#[test]
fn no_other_certificate_is_trusted() {
    // By an authority that this system does not know; for another host.
    let unknown = error("?sslmode=verify-full", "localhost");
    let elsewhere = error(&format!("?sslrootcert={AUTHORITY}"), "127.0.0.2");
    for error in [unknown, elsewhere] {
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains(THROUGH), "{error}");
        assert!(error.to_string().contains("TLS: invalid peer certificate"), "{error}");
    }
}

#[test]
fn a_server_without_tls_is_told_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&greeting(false)).unwrap();
        // Nothing follows, above all no password.
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    });
    let url = format!("mysql://u:p@127.0.0.1:{port}/x?sslmode=require");
    let error = open_error(&url.parse().unwrap(), &Options::default());
    server.join().unwrap();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("the server has no TLS: "), "{error}");
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.display().to_string();
    for (file, expected) in [
        ("/nowhere/ca.pem", "sslrootcert /nowhere/ca.pem: "),
        (&empty, "there is no certificate in it"),
    ] {
        let url = format!("mysql://u:p@127.0.0.1/x?sslrootcert={file}");
        let error = open_error(&url.parse().unwrap(), &Options::default());
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
