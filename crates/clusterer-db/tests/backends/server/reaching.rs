//! The way to the database: what is wrong on it is told in one clear line, without the password.

use super::engine::Engine;
use super::fixture::Fixture;
use crate::shared::{TestDatabase, open_error};
use clusterer_db::{Admin, DbUrl, Options};
use clusterer_node::StoreError;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

pub(crate) fn refused(error: &StoreError) {
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
}

pub(crate) fn unavailable(error: &StoreError) {
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

/// The error of somebody who gives this password, or none.
pub(crate) fn with_password<E: Engine>(fixture: &Fixture<E>, password: Option<&str>) -> String {
    let password = password.map(|password| format!(":{password}")).unwrap_or_default();
    let at = format!("{}/{}", fixture.address(), fixture.name);
    let url = format!("{}://{}{password}@{at}", E::SCHEME, fixture.user());
    let url: DbUrl = url.parse().unwrap();
    let error = open_error(&url, fixture.options());
    refused(&error);
    assert!(!format!("{error:?} {url:?} {url}").contains("SECRET"), "{error:?} {url:?}");
    fixture.plain(&error)
}

pub(crate) fn a_wrong_database_says_how_to_make_one<E: Engine>() {
    let fixture = Fixture::<E>::empty();
    let url = fixture.url_of("no_such_database");
    let options = fixture.options();
    for error in [open_error(&url, options), Admin::new(&url, options).init().unwrap_err()] {
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.ends_with(&format!("/no_such_database: {}", E::NO_DATABASE)), "{text}");
    }
}

pub(crate) fn a_server_that_is_not_there_is_unavailable<E: Engine>() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    for (url, expected) in [
        (format!("{}://u:SECRET@127.0.0.1:{port}/x", E::SCHEME), "Connection refused"),
        (E::socket(directory.path()).1, "No such file or directory"),
        (format!("{}://u:SECRET@no-such-host.invalid/x", E::SCHEME), ""),
    ] {
        let url: DbUrl = url.parse().unwrap();
        let error = open_error(&url, &Options::default());
        unavailable(&error);
        let text = error.to_string();
        assert!(text.contains("the connection failed: ") && text.contains(expected), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

pub(crate) fn a_server_that_hangs_is_given_up_on<E: Engine>() {
    let directory = tempfile::tempdir().unwrap();
    let (path, by_socket) = E::socket(directory.path());
    // Takes connections, as any socket that listens, and never says a word.
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let _unix = UnixListener::bind(path).unwrap();
    let by_address = format!("{}://u:p@{}/x", E::SCHEME, tcp.local_addr().unwrap());
    let with_tls = format!("{by_address}?sslmode=require");
    for url in [by_address, with_tls, by_socket] {
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

/// The URLs of one socket in its several forms lead to the database.
pub(crate) fn all_lead_there<E: Engine>(fixture: &Fixture<E>, urls: &[String]) {
    for url in urls {
        let url: DbUrl = url.parse().unwrap();
        assert_eq!(Admin::new(&url, fixture.options()).list().unwrap(), []);
    }
}
