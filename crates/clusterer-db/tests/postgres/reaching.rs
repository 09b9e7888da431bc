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
            format!("postgres://{user}:SECRET@{at}"),
            "URL: user USER and this password: password authentication failed for user \"USER\"",
        ),
        (
            format!("postgres://{user}@{at}"),
            "postgres://USER@HOST/NAME: the server wants a password, and db_url has none (neither \
             PGPASSWORD nor a password file is read)",
        ),
    ] {
        let url: DbUrl = url.parse().unwrap();
        let error = open_error(&url, &fixture.options);
        refused(&error);
        assert_eq!(fixture.plain(&error), expected);
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
                "/no_such_database: database \"no_such_database\" does not exist: create it with \
                 `createdb no_such_database`, or correct db_url"
            ),
            "{text}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().display().to_string().replace('/', "%2F");
    for (host, expected) in [
        (format!("127.0.0.1:{port}"), "Connection refused"),
        (socket, "No such file or directory"),
        ("no-such-host.invalid".to_owned(), ""),
    ] {
        let url: DbUrl = format!("postgres://u:SECRET@{host}/x").parse().unwrap();
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
    let _unix = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    let socket = directory.path().display();
    for url in [
        format!("postgres://u:p@{}/x", tcp.local_addr().unwrap()),
        format!("postgres://u:p@{}/x?sslmode=require", tcp.local_addr().unwrap()),
        format!("postgres://u:p@/x?host={socket}"),
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
    fixture.sql(&format!("ALTER ROLE {} CONNECTION LIMIT 0", fixture.user()));
    let error = fixture.open_error();
    unavailable(&error);
    assert_eq!(fixture.plain(&error), "URL: too many connections for role \"USER\"");
}

#[test]
fn what_is_no_postgresql_is_an_error() {
    use std::io::{Read, Write};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: DbUrl =
        format!("postgres://u:p@{}/x", listener.local_addr().unwrap()).parse().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    let options = Options::default().query_timeout(Duration::from_secs(5));
    let error = open_error(&url, &options);
    unavailable(&error);
    server.join().unwrap();
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
    let setting =
        |name: &str| fixture.texts(&format!("SELECT current_setting('{name}')")).remove(0);
    let directories = setting("unix_socket_directories");
    let Some(directory) = directories.split(',').map(str::trim).find(|path| path.starts_with('/'))
    else {
        crate::fixture::skip(
            "reaching::a_unix_socket_leads_to_the_database_too",
            "the server has no Unix socket",
        );
        return;
    };
    let (user, port, name) = (fixture.userinfo(), setting("port"), &fixture.name);
    for url in [
        format!("postgres://{user}@{}:{port}/{name}", directory.replace('/', "%2F")),
        format!("postgres://{user}@:{port}/{name}?host={directory}"),
    ] {
        let url: DbUrl = url.parse().unwrap();
        assert_eq!(Admin::new(&url, &fixture.options).list().unwrap(), []);
    }
}
