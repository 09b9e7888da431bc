//! The way to the database: what is wrong on it is told in one clear line, without the password.

use super::{Fixture, needs_server};
use crate::server::reaching::{all_lead_there, unavailable, with_password};
use crate::shared::{TestDatabase, open_error};
use clusterer_db::{DbUrl, Options};
use clusterer_tests::skip;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_wrong_password_is_refused() {
    needs_server!(a_wrong_password_is_refused);
    let fixture = Fixture::new().for_nobody();
    assert_eq!(
        with_password(&fixture, Some("SECRET")),
        "URL: user USER and this password: password authentication failed for user \"USER\""
    );
    assert_eq!(
        with_password(&fixture, None),
        "postgres://USER@HOST/NAME: the server wants a password, and db_url has none (neither \
         PGPASSWORD nor a password file is read)"
    );
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
fn a_unix_socket_leads_to_the_database_too() {
    needs_server!(a_unix_socket_leads_to_the_database_too);
    let fixture = Fixture::new();
    let setting =
        |name: &str| fixture.texts(&format!("SELECT current_setting('{name}')")).remove(0);
    let directories = setting("unix_socket_directories");
    let Some(directory) = directories.split(',').map(str::trim).find(|path| path.starts_with('/'))
    else {
        skip(
            "postgres::reaching::a_unix_socket_leads_to_the_database_too",
            "the server has no Unix socket",
        )
        .unwrap();
        return;
    };
    let (user, port, name) = (fixture.userinfo(), setting("port"), &fixture.name);
    all_lead_there(
        &fixture,
        &[
            format!("postgres://{user}@{}:{port}/{name}", directory.replace('/', "%2F")),
            format!("postgres://{user}@:{port}/{name}?host={directory}"),
        ],
    );
}
