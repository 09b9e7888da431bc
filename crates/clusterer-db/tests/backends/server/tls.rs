//! TLS, with a server that says no more than that it has understood what came through it.

use super::certificates::Certificates;
use super::engine::Engine;
use crate::shared::open_error;
use clusterer_db::{DbUrl, Options};
use clusterer_node::StoreError;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The error of a client that got through is what the server says there.
const THROUGH: &str = "through TLS came user somebody";

/// Why a client with these parameters did not get on; `AUTHORITY` among them is the right one's file.
fn error<E: Engine>(parameters: &str, host: &str) -> StoreError {
    let certificates = Arc::new(Certificates::new());
    let parameters = parameters.replace("AUTHORITY", certificates.authority().to_str().unwrap());
    let address = if host == "localhost" { "127.0.0.1" } else { host };
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Not joined: a client that never comes is to fail the test, not to hang it.
    let theirs = certificates.clone();
    std::thread::spawn(move || serve::<E>(&theirs, listener.accept().unwrap().0));
    let url = format!("{}://somebody:SECRET@{host}:{port}/x{parameters}", E::SCHEME);
    let options = Options::default().query_timeout(Duration::from_secs(20));
    let error = open_error(&url.parse::<DbUrl>().unwrap(), &options);
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    error
}

/// Answers a request for TLS, and a message in it with an error that names the user.
fn serve<E: Engine>(certificates: &Certificates, mut stream: TcpStream) {
    E::begin(&mut stream, true);
    let mut stream = certificates.accept(stream);
    let mut message = [0; 1024];
    // A client that does not trust us ends here.
    let Ok(length) = stream.read(&mut message) else { return };
    let user = E::user_of(&message[..length]);
    stream.write_all(&E::failure(&format!("through TLS came user {user}"))).unwrap();
    stream.flush().unwrap();
}

pub(crate) fn a_certificate_of_the_authority_for_the_host_is_trusted<E: Engine>() {
    for (parameters, host) in [
        ("?sslmode=verify-full&sslrootcert=AUTHORITY", "localhost"),
        ("?sslmode=verify-full&sslrootcert=AUTHORITY", "127.0.0.1"),
        ("?sslrootcert=AUTHORITY", "localhost"),
        ("?sslmode=require", "localhost"),
    ] {
        let error = error::<E>(parameters, host);
        assert!(error.to_string().contains(THROUGH), "{parameters} {host}: {error}");
    }
}

pub(crate) fn no_other_certificate_is_trusted<E: Engine>() {
    let another = Certificates::new();
    let another = format!("?sslrootcert={}", another.authority().display());
    for (parameters, host) in [
        // By an authority that this system does not know, or that the file does not name; for another host.
        ("?sslmode=verify-full", "localhost"),
        (&another, "localhost"),
        ("?sslrootcert=AUTHORITY", "127.0.0.2"),
    ] {
        let error = error::<E>(parameters, host);
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains(THROUGH), "{error}");
        assert!(error.to_string().contains("TLS: invalid peer certificate"), "{error}");
    }
}

pub(crate) fn a_server_without_tls_is_told_what_to_do<E: Engine>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        E::begin(&mut stream, false);
        // Nothing follows, above all no password.
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    });
    let url = format!("{}://u:p@127.0.0.1:{port}/x?sslmode=require", E::SCHEME);
    let error = open_error(&url.parse().unwrap(), &Options::default());
    server.join().unwrap();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("the server has no TLS: "), "{error}");
}

pub(crate) fn a_file_of_authorities_that_cannot_be_used_is_named<E: Engine>() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.display().to_string();
    for (file, expected) in [
        ("/nowhere/ca.pem", "sslrootcert /nowhere/ca.pem: "),
        (&empty, "there is no certificate in it"),
    ] {
        let url = format!("{}://u:p@127.0.0.1/x?sslrootcert={file}", E::SCHEME);
        let error = open_error(&url.parse().unwrap(), &Options::default());
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
