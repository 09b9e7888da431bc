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
    let url = format!("postgres://somebody:SECRET@{host}:{port}/x{parameters}");
    let options = Options::default().query_timeout(Duration::from_secs(20));
    let error = open_error(&url.parse::<DbUrl>().unwrap(), &options);
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    error
}

/// Answers a request for TLS, and a message in it with an error that names the user.
fn serve(mut stream: TcpStream) {
    let mut request = [0; 8];
    stream.read_exact(&mut request).unwrap();
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "the request for TLS");
    stream.write_all(b"S").unwrap();
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
    let message = String::from_utf8_lossy(&message[..length]).into_owned();
    let user = message.split('\0').skip_while(|word| *word != "user").nth(1).unwrap_or("nobody");
    let fields = format!("SFATAL\0C28000\0Mthrough TLS came user {user}\0\0");
    let mut answer = vec![b'E'];
    answer.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    answer.extend(fields.bytes());
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
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(b"N").unwrap();
        // Nothing follows, above all no password.
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    });
    let url = format!("postgres://u:p@127.0.0.1:{port}/x?sslmode=require");
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
        let url = format!("postgres://u:p@127.0.0.1/x?sslrootcert={file}");
        let error = open_error(&url.parse().unwrap(), &Options::default());
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
