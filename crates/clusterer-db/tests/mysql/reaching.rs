//! The way to the database: what is wrong on it is told in one clear line, without the password.

use crate::fixture::{Fixture, address, needs_server, open_error};
use clusterer_db::{Admin, DbUrl, Options};
use clusterer_node::StoreError;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

fn refused(error: &StoreError) {
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
}

fn unavailable(error: &StoreError) {
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[test]
fn a_wrong_password_is_refused() {
    needs_server!(a_wrong_password_is_refused);
    let fixture = Fixture::new().for_nobody();
    let at = format!("{}/{}", address(), fixture.name);
    let user = fixture.user();
    for (url, expected) in [
        (
            format!("mysql://{user}:SECRET@{at}"),
            "URL: user USER and this password, without TLS: Access denied for user 'USER'",
        ),
        (format!("mysql://{user}@{at}"), "mysql://USER@HOST/NAME: Access denied for user 'USER'"),
    ] {
        let url: DbUrl = url.parse().unwrap();
        let error = open_error(&url, &fixture.options);
        refused(&error);
        let text = fixture.plain(&error);
        assert!(text.starts_with(expected), "{text}");
        let has_password = url.to_string().contains("***");
        assert_eq!(text.contains(": db_url has no password ("), !has_password, "{text}");
        assert!(!format!("{error:?} {url:?} {fixture:?}").contains("SECRET"));
    }
}

#[test]
fn a_wrong_database_says_how_to_make_one() {
    needs_server!(a_wrong_database_says_how_to_make_one);
    let fixture = Fixture::empty();
    let url = fixture.url_of("no_such_database");
    for error in
        [open_error(&url, &fixture.options), Admin::new(&url, &fixture.options).init().unwrap_err()]
    {
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.ends_with(
                "/no_such_database: Unknown database 'no_such_database': create it with \
                 `mysqladmin create no_such_database`, or correct db_url"
            ),
            "{text}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sock").display().to_string().replace('/', "%2F");
    for (host, expected) in [
        (format!("127.0.0.1:{port}"), "Connection refused"),
        (socket, "No such file or directory"),
        ("no-such-host.invalid".to_owned(), ""),
    ] {
        let url: DbUrl = format!("mysql://u:SECRET@{host}/x").parse().unwrap();
        let error = open_error(&url, &Options::default());
        unavailable(&error);
        let text = error.to_string();
        assert!(text.contains("the connection failed: ") && text.contains(expected), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

#[test]
fn a_server_that_hangs_is_given_up_on() {
    let directory = tempfile::tempdir().unwrap();
    // Takes connections, as any socket that listens, and never says a word.
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let _unix = UnixListener::bind(directory.path().join("sock")).unwrap();
    let socket = directory.path().display();
    for url in [
        format!("mysql://u:p@{}/x", tcp.local_addr().unwrap()),
        format!("mysql://u:p@{}/x?sslmode=require", tcp.local_addr().unwrap()),
        format!("mysql://u:p@/x?socket={socket}/sock"),
    ] {
        let url: DbUrl = url.parse().unwrap();
        let options = Options::default().query_timeout(Duration::from_millis(150));
        let begun = Instant::now();
        let errors = [open_error(&url, &options), Admin::new(&url, &options).list().unwrap_err()];
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        for error in errors {
            unavailable(&error);
            assert!(error.to_string().ends_with(": no answer within 150ms"), "{error}");
        }
    }
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
fn administration_works_inside_a_runtime() {
    needs_server!(administration_works_inside_a_runtime);
    let fixture = Fixture::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { assert_eq!(fixture.admin().list().unwrap(), []) });
}

#[test]
fn a_unix_socket_leads_to_the_database_too() {
    needs_server!(a_unix_socket_leads_to_the_database_too);
    let fixture = Fixture::new();
    let socket = fixture.texts("SELECT @@socket").remove(0);
    if !socket.starts_with('/') {
        crate::fixture::skip(
            "reaching::a_unix_socket_leads_to_the_database_too",
            "the server has no Unix socket",
        );
        return;
    }
    let (user, name) = (fixture.userinfo(), &fixture.name);
    for url in [
        format!("mysql://{user}@{}/{name}", socket.replace('/', "%2F")),
        format!("mysql://{user}@/{name}?socket={socket}"),
    ] {
        let url: DbUrl = url.parse().unwrap();
        assert_eq!(Admin::new(&url, &fixture.options).list().unwrap(), []);
    }
}
