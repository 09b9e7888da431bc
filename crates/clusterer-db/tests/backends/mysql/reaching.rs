//! The way to the database: what is wrong on it is told in one clear line, without the password.

use super::{Fixture, needs_server};
use crate::server::reaching::{all_lead_there, unavailable, with_password};
use crate::shared::{TestDatabase, open_error};
use clusterer_db::{DbUrl, Options};
use clusterer_node::StoreError;
use clusterer_tests::skip;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_wrong_password_is_refused() {
    needs_server!(a_wrong_password_is_refused);
    let fixture = Fixture::new().for_nobody();
    let text = with_password(&fixture, Some("SECRET"));
    let expected = "URL: user USER and this password, without TLS: Access denied for user 'USER'";
    assert!(text.starts_with(expected), "{text}");
    let text = with_password(&fixture, None);
    assert!(text.starts_with("mysql://USER@HOST/NAME: Access denied for user 'USER'"), "{text}");
    assert!(text.contains(": db_url has no password ("), "{text}");
}

#[test]
fn too_many_connections_are_worth_another_try() {
    needs_server!(too_many_connections_are_worth_another_try);
    let fixture = Fixture::new().for_nobody();
    let user = fixture.user();
    fixture.sql(&format!(
        "GRANT SELECT ON * TO '{user}'@'%'; ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 1"
    ));
    let _first = fixture.open().unwrap();
    let error = fixture.open_error();
    unavailable(&error);
    let text = fixture.plain(&error);
    assert!(text.starts_with("URL: User 'USER' has exceeded the 'max_user_connections'"), "{text}");
}

/// Says this in place of a greeting; what becomes of it.
fn greeted_with(greeting: &'static [u8]) -> StoreError {
    use std::io::{Read, Write};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: DbUrl = format!("mysql://u:p@{}/x", listener.local_addr().unwrap()).parse().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(greeting).unwrap();
        // Until the client goes away.
        let _ = stream.read(&mut [0; 1024]);
    });
    let options = Options::default().query_timeout(Duration::from_secs(5));
    let error = open_error(&url, &options);
    server.join().unwrap();
    error
}

#[test]
fn a_server_that_is_full_is_worth_another_try() {
    let error = greeted_with(b"\x17\0\0\0\xff\x10\x04Too many connections");
    unavailable(&error);
    assert!(error.to_string().ends_with("/x: Too many connections"), "{error}");
}

/// The driver panics where it computes with this key.
#[test]
fn a_server_with_a_senseless_key_is_an_error() {
    let error = greeted_with(
        b"\x4e\0\0\0\x0a8.0.0-test\0\x07\0\0\0abcdefgh\0\x0b\xa2\x2d\x02\0\x0b\0\x15\0\0\0\0\0\0\0\0\0\0\
          ijklmnopqrst\0caching_sha2_password\0\
          \x02\0\0\x02\x01\x04\x04\0\0\x04\x01key",
    );
    unavailable(&error);
    assert!(error.to_string().ends_with("does not speak like a MySQL server"), "{error}");
}

#[test]
fn what_is_no_mysql_is_an_error() {
    for greeting in [
        &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x01\0\0\0\x0a",
        b"\0\0\0\0",
        b"\x03\0\0\0\xff\xff\xff",
    ] {
        let error = greeted_with(greeting);
        let text = error.to_string();
        assert!(!text.contains("thread of the database has ended"), "{greeting:?}: {text}");
    }
}

#[test]
fn a_unix_socket_leads_to_the_database_too() {
    needs_server!(a_unix_socket_leads_to_the_database_too);
    let fixture = Fixture::new();
    let socket = fixture.texts("SELECT @@socket").remove(0);
    if !socket.starts_with('/') {
        skip(
            "mysql::reaching::a_unix_socket_leads_to_the_database_too",
            "the server has no Unix socket",
        )
        .unwrap();
        return;
    }
    let (user, name) = (fixture.userinfo(), &fixture.name);
    all_lead_there(
        &fixture,
        &[
            format!("mysql://{user}@{}/{name}", socket.replace('/', "%2F")),
            format!("mysql://{user}@/{name}?socket={socket}"),
        ],
    );
}
