//! What URLs of MySQL have of their own: the socket.

use super::{Host, Server, Tls};
use crate::DbUrl;
use proptest::prelude::*;

fn parsed(text: &str) -> Server {
    Server::mysql(text.split_once(':').unwrap().1).unwrap()
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
    let server = parsed("mysql://op%40n:p%40%3a%2F%25:x@db.example:3307/my%2fdb?sslmode=require");
    assert_eq!(server.user, "op@n");
    assert_eq!(server.password.as_ref().unwrap().as_str(), "p@:/%:x");
    assert_eq!(server.host, Host::Tcp("db.example".into()));
    assert_eq!(server.port, Some(3307));
    assert_eq!(server.database, "my/db");
    assert_eq!(server.tls, Tls::Require);
    check("mysql://u:p@h/d", "mysql://u:***@h/d");
    check("mariadb://u:p@h/d", "mysql://u:***@h/d");
    check("mysql://u:p@[2001:db8::5]:3307/d", "mysql://u:***@[2001:db8::5]:3307/d");
}

#[test]
fn a_socket_is_the_whole_address() {
    let socket = Host::Unix("/run/mysqld/mysqld.sock".into());
    let server = parsed("mysql://u:p@/d?socket=/run/mysqld/mysqld.sock");
    assert_eq!((&server.host, &server.tls), (&socket, &Tls::Disable));
    assert_eq!(parsed("mysql://u:p@%2Frun%2Fmysqld%2Fmysqld.sock/d").host, socket);
    check("mysql://u:p@/d?socket=/run/x", "mysql://u:***@%2Frun%2Fx/d");

    check("mysql://u:p@/d", "HostName");
    check("mysql://u:p@/d?socket=", "HostName");
    check("mysql://u:p@/d?socket=db.example", "HostName");
    check("mysql://u:p@localhost/d?socket=/run/x", "TwoHosts");
    check("mysql://u:p@:3306/d?socket=/run/x", "PortOnSocket");
    check("mysql://u:p@/d?socket=/run/x&sslmode=require", "TlsOnSocket");
    check("mysql://u:p@/d?host=/run/x", "UnknownParameter");
    check("mysql://u:p@h/d?ssl-mode=REQUIRED", "UnknownParameter");
}

#[test]
fn an_at_sign_in_a_password_is_an_error_unless_encoded() {
    check("mysql://u:p@ss@h/d", "Unencoded");
    check("mysql://u:p/ss@h/d", "Unencoded");
    check("mysql://u:p%40ss@h/d", "mysql://u:***@h/d");
}

proptest! {
    #[test]
    fn no_part_of_a_password_is_shown(
        before in "[!-~]{0,12}",
        after in "[!-~]{0,12}",
        rest in "(@[a-z]{1,9}(:[0-9]{1,5})?(/[a-z]{0,9})?(\\?[a-z=&]{0,20})?)?",
    ) {
        let text = format!("mysql://u:{before}hunter2{after}{rest}");
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
            ("[a-z0-9.-]{1,10}".prop_map(Host::Tcp), proptest::option::of(1_u16..)),
            ("/\\PC{1,10}".prop_map(|path| Host::Unix(path.into())), Just(None)),
        ],
        database in "\\PC{1,10}",
    ) {
        let (host, port) = host;
        let server = Server { user, password: None, host, port, database, tls: Tls::Disable };
        prop_assert_eq!(parsed(&format!("mysql:{server}")), server);
    }
}
