//! URLs of servers, by those of PostgreSQL.

use super::{Host, Server, Tls};
use crate::DbUrl;
use crate::url::Target;
use proptest::prelude::*;

fn parsed(text: &str) -> Server {
    let url: DbUrl = text.parse().unwrap();
    assert!(matches!(url.target(), Target::Postgres(_)), "{text:?}");
    Server::postgres(text.split_once(':').unwrap().1).unwrap()
}

fn check(text: &str, expected: &str) {
    let got = match text.parse::<DbUrl>() {
        Ok(url) => url.to_string(),
        Err(error) => format!("{error:?}"),
    };
    assert_eq!(got, expected, "{text:?}");
}

#[test]
fn every_part_is_taken_for_what_it_is() {
    let server = parsed("postgres://op%40n:p%40%3a%2F%25:x@db.example:5433/my%2fdb");
    assert_eq!(server.user, "op@n");
    assert_eq!(server.password.as_ref().unwrap().as_str(), "p@:/%:x");
    assert_eq!(server.host, Host::Tcp("db.example".into()));
    assert_eq!(server.port, Some(5433));
    assert_eq!(server.database, "my/db");
    assert_eq!(server.tls, Tls::VerifyFull { authorities: None });

    let server = parsed("postgresql://u@h/d?sslrootcert=%2Fetc%2Fca.pem&sslmode=verify-full");
    assert_eq!((server.password, server.port), (None, None));
    assert_eq!(server.tls, Tls::VerifyFull { authorities: Some("/etc/ca.pem".into()) });
}

#[test]
fn a_host_is_a_name_an_address_or_a_socket() {
    let host = |text: &str| parsed(&format!("postgres://u:p@{text}")).host;
    assert_eq!(host("192.168.0.5/d"), Host::Tcp("192.168.0.5".into()));
    assert_eq!(host("[2001:DB8::5]:5433/d"), Host::Tcp("2001:db8::5".into()));
    assert_eq!(host("[::1]/d"), Host::Tcp("::1".into()));
    assert_eq!(host("%2Frun%2Fpostgresql/d"), Host::Unix("/run/postgresql".into()));
    assert_eq!(host("/d?host=/run/postgresql"), Host::Unix("/run/postgresql".into()));
    assert_eq!(host(":5433/d?host=db"), Host::Tcp("db".into()));
    check("postgres://u@[2001:db8::5]:5433/d", "postgres://u@[2001:db8::5]:5433/d");
    check("postgres://u@/d?host=/run/pg", "postgres://u@%2Frun%2Fpg/d");

    for wrong in
        ["", "a b", "a%00", "a,b", "[::1", "[::1]x", "[fe80::1%25eth0]", "[1.2.3.4]", "a/../b"]
    {
        let text = format!("postgres://u:p@{wrong}/d");
        assert!(text.parse::<DbUrl>().is_err(), "{text}");
    }
    check("postgres://u:p@h/d?host=/run/postgresql", "TwoHosts");
    check("postgres://u:p@h:0/d", "Port");
    check("postgres://u:p@h:/d", "Port");
    check("postgres://u:p@h:+5/d", "Port");
    check("postgres://u:p@h:65536/d", "Port");
    check("postgres://u:p@h:65535/d", "postgres://u:***@h:65535/d");
}

#[test]
fn without_a_word_about_it_nothing_leaves_the_machine_unprotected() {
    let tls = |text: &str| parsed(&format!("postgres://u:p@{text}")).tls;
    let verified = Tls::VerifyFull { authorities: None };
    for here in ["localhost/d", "LOCALHOST/d", "127.0.0.1/d", "[::1]/d", "127.9.9.9/d", "%2Frun/d"]
    {
        assert_eq!(tls(here), Tls::Disable, "{here}");
    }
    for elsewhere in ["db/d", "192.168.0.5/d", "[2001:db8::1]/d", "localhost.example/d"] {
        assert_eq!(tls(elsewhere), verified, "{elsewhere}");
    }
    assert_eq!(tls("db/d?sslmode=disable"), Tls::Disable);
    assert_eq!(tls("db/d?sslmode=require"), Tls::Require);
    assert_eq!(tls("localhost/d?sslmode=verify-full"), verified);
    let with_file = Tls::VerifyFull { authorities: Some("ca".into()) };
    assert_eq!(tls("localhost/d?sslrootcert=ca"), with_file);

    check("postgres://u:p@h/d?sslmode=prefer", "TlsMode");
    check("postgres://u:p@h/d?sslmode=verify-ca", "TlsMode");
    check("postgres://u:p@h/d?sslmode=", "TlsMode");
    check("postgres://u:p@h/d?sslmode=require&sslrootcert=ca", "UnusedAuthorities");
    check("postgres://u:p@%2Frun/d?sslmode=require", "TlsOnSocket");
}

#[test]
fn what_is_no_such_url_says_why() {
    check("postgres:", "NoServer");
    check("postgres:u@h/d", "NoServer");
    check("postgres://h/d", "NoUser");
    check("postgres://@h/d", "NoUser");
    check("postgres://:p@h/d", "NoUser");
    check("postgres://u:p@h", "NoDatabase");
    check("postgres://u:p@h/", "NoDatabase");
    check("postgres://u:p@h/a/b", "NoDatabase");
    check("postgres://u:p%4@h/d", "Percent");
    check("postgres://u:p%ff@h/d", "Percent");
    check("postgres://u:p%00@h/d", "ControlCharacter");
    check("postgres://u%0a:p@h/d", "ControlCharacter");
    check("postgres://u:p%0a@h/d", "postgres://u:***@h/d");
    check("postgres://u:p@h/d?sslkey=x", "UnknownParameter");
    check("postgres://u:p@h/d?sslmode", "UnknownParameter");
    check("postgres://u:p@h/d?sslmode=require&sslmode=disable", "RepeatedParameter");
}

/// OpenSIPS would end the password at the first of them, and RFC 3986 allows none.
#[test]
fn an_at_sign_in_a_password_is_an_error_unless_encoded() {
    check("postgres://u:p@ss@h/d", "Unencoded");
    check("postgres://u:p/ss@h/d", "Unencoded");
    check("postgres://u:p?ss@h/d", "Unencoded");
    check("postgres://u:p#ss@h/d", "Unencoded");
    check("postgres://u:p@ss/x@h/d", "Unencoded");
    check("postgres://u:p%40ss@h/d", "postgres://u:***@h/d");
    check("postgres://u:p:ss@h/d", "postgres://u:***@h/d");
}

proptest! {
    #[test]
    fn no_part_of_a_password_is_shown(
        before in "[!-~]{0,12}",
        after in "[!-~]{0,12}",
        rest in "(@[a-z]{1,9}(:[0-9]{1,5})?(/[a-z]{0,9})?(\\?[a-z=&]{0,20})?)?",
    ) {
        let text = format!("postgres://u:{before}hunter2{after}{rest}");
        let shown = match text.parse::<DbUrl>() {
            Ok(url) => {
                let server = parsed(&text);
                // What stands behind an encoded @ cannot be told from a host by anybody.
                if !server.password.as_ref().is_some_and(|it| it.as_str().contains("hunter2")) {
                    return Ok(());
                }
                format!("{url} {url:?} {server:?}")
            }
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains("hunter2"), "{}: {}", text, shown);
    }

    #[test]
    fn what_is_shown_reads_back(
        user in "\\PC{1,10}",
        host in prop_oneof![
            "[a-z0-9.-]{1,10}".prop_map(Host::Tcp),
            any::<std::net::Ipv6Addr>().prop_map(|address| Host::Tcp(address.to_string())),
            "/\\PC{1,10}".prop_map(|path| Host::Unix(path.into())),
        ],
        port in proptest::option::of(1_u16..),
        database in "\\PC{1,10}",
        tls in prop_oneof![
            Just(Tls::Disable),
            Just(Tls::Require),
            proptest::option::of("\\PC{1,10}".prop_map(Into::into))
                .prop_map(|authorities| Tls::VerifyFull { authorities }),
        ],
    ) {
        let tls = if matches!(host, Host::Unix(_)) { Tls::Disable } else { tls };
        let server = Server { user, password: None, host, port, database, tls };
        prop_assert_eq!(parsed(&format!("postgres:{server}")), server);
    }
}
