//! MySQL's own words.

use crate::server::engine::{self, Engine};
use clusterer_tests::servers::Kind;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use tokio::runtime::{Builder, Runtime};

#[derive(Debug)]
pub(crate) struct Mysql;

impl Engine for Mysql {
    const KIND: Kind = Kind::MariaDb;
    const SCHEME: &'static str = "mysql";
    const LAX: &'static str =
        "CREATE TABLE clusterer (id BIGINT, cluster_id BIGINT, machine_id BIGINT,
        url TEXT, state BIGINT DEFAULT 1, last_attempt BIGINT DEFAULT 0,
        failed_attempts BIGINT DEFAULT 3, no_tries BIGINT DEFAULT 0,
        duration BIGINT DEFAULT 30, description TEXT) ENGINE=InnoDB";
    const TABLES: &'static str = "SELECT table_name FROM information_schema.tables
        WHERE table_schema = DATABASE() ORDER BY 1";
    const QUOTE: char = '`';
    const NUMBERED: &'static str =
        "ALTER TABLE clusterer MODIFY id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY";
    const LOCK_TABLE: [&'static str; 2] = ["LOCK TABLES clusterer WRITE", "UNLOCK TABLES"];
    const FAIL_AT_900: [&'static str; 2] = [
        "CREATE TRIGGER no BEFORE UPDATE ON clusterer FOR EACH ROW IF OLD.id = 900 THEN
            SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'row 900 is mine';
         END IF",
        "DROP TRIGGER no",
    ];
    // Those at an UPDATE: while another one holds the row, they wait for it. (What InnoDB tells about
    // locks is older, the more often one asks.)
    const WAITING: &'static str = "SELECT id FROM information_schema.processlist
        WHERE db = DATABASE() AND info LIKE 'UPDATE%'";
    const CONNECTED: &'static str = "SELECT id FROM information_schema.processlist
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    const NO_DATABASE: &'static str = "Unknown database 'no_such_database': create it with `mysqladmin \
                                       create no_such_database`, or correct db_url";
    const NAME_TOO_LONG: &'static str = "Data too long for column 'table_name'";

    type Connection = Connection;

    fn endings(id: &str) -> [(String, &'static str); 2] {
        [
            (format!("KILL CONNECTION {id}"), ""),
            (format!("KILL QUERY {id}"), "Query execution was interrupted"),
        ]
    }

    fn drop_database(name: &str) -> String {
        format!("DROP DATABASE {name}")
    }

    fn create_user(name: &str, password: &str) -> String {
        format!("CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'")
    }

    fn drop_user(name: &str) -> String {
        format!("DROP USER '{name}'@'%'")
    }

    fn make_text(column: &str) -> String {
        format!("ALTER TABLE clusterer MODIFY {column} VARCHAR(64)")
    }

    fn literal(text: &str) -> String {
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    }

    fn socket(directory: &Path) -> (PathBuf, String) {
        let path = directory.join("sock");
        let url = format!("mysql://u:SECRET@/x?socket={}", path.display());
        (path, url)
    }

    fn begin(stream: &mut TcpStream, has_tls: bool) {
        stream.write_all(&greeting(has_tls)).unwrap();
        if has_tls {
            let mut request = [0; 36];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(request[..4], [32, 0, 0, 1], "the request for TLS, which says no more");
            assert_eq!(request[5] & 0x08, 0x08, "the request for TLS");
        }
    }

    fn user_of(message: &[u8]) -> String {
        let user = String::from_utf8_lossy(&message[36..]).into_owned();
        user.split('\0').next().unwrap().to_owned()
    }

    fn failure(text: &str) -> Vec<u8> {
        let said = [b"\xff\x15\x04#28000", text.as_bytes()].concat();
        packet(3, &said)
    }
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

pub(crate) struct Connection {
    conn: RefCell<Conn>,
    runtime: Runtime,
}

impl engine::Connection for Connection {
    fn to(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let opts = OptsBuilder::from_opts(Opts::from_url(url).unwrap())
            .prefer_socket(false)
            // Whatever a test sets for the server.
            .init(vec!["SET SESSION sql_mode = 'STRICT_ALL_TABLES'"]);
        let conn = runtime.block_on(Conn::new(opts)).unwrap();
        Self { conn: RefCell::new(conn), runtime }
    }

    fn run(&self, statements: &str) {
        let done = self.runtime.block_on(self.conn.borrow_mut().query_drop(statements));
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    fn texts(&self, query: &str) -> Vec<String> {
        self.runtime.block_on(self.conn.borrow_mut().query(query)).unwrap()
    }
}
