//! PostgreSQL's own words.

use crate::server::engine::{self, Engine};
use clusterer_tests::servers::Kind;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

#[derive(Debug)]
pub(crate) struct Postgres;

impl Engine for Postgres {
    const KIND: Kind = Kind::Postgres;
    const SCHEME: &'static str = "postgres";
    const LAX: &'static str =
        "CREATE TABLE clusterer (id BIGINT, cluster_id BIGINT, machine_id BIGINT,
        url TEXT, state BIGINT DEFAULT 1, last_attempt NUMERIC DEFAULT 0,
        failed_attempts BIGINT DEFAULT 3, no_tries BIGINT DEFAULT 0,
        duration BIGINT DEFAULT 30, description TEXT)";
    const TABLES: &'static str = "SELECT relname FROM pg_class
        WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace ORDER BY 1";
    const QUOTE: char = '"';
    const NUMBERED: &'static str = "ALTER TABLE clusterer ALTER id SET NOT NULL,
        ALTER id ADD GENERATED ALWAYS AS IDENTITY (START 2)";
    const LOCK_TABLE: [&'static str; 2] =
        ["BEGIN; LOCK TABLE clusterer IN ACCESS EXCLUSIVE MODE", "ROLLBACK"];
    const FAIL_AT_900: [&'static str; 2] = [
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'row 900 is mine'; END $$;
         CREATE TRIGGER no BEFORE UPDATE ON clusterer FOR EACH ROW WHEN (OLD.id = 900)
            EXECUTE FUNCTION no()",
        "DROP TRIGGER no ON clusterer",
    ];
    const WAITING: &'static str = "SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    const CONNECTED: &'static str = "SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'clusterer'";
    const NO_DATABASE: &'static str = "database \"no_such_database\" does not exist: create it with \
                                       `createdb no_such_database`, or correct db_url";
    const NAME_TOO_LONG: &'static str = "value too long for type character varying(32)";

    type Connection = Connection;

    fn endings(id: &str) -> [(String, &'static str); 2] {
        [
            (
                format!("SELECT pg_terminate_backend({id})"),
                "terminating connection due to administrator command",
            ),
            (format!("SELECT pg_cancel_backend({id})"), "canceling statement due to user request"),
        ]
    }

    fn drop_database(name: &str) -> String {
        format!("DROP DATABASE {name} WITH (FORCE)")
    }

    fn create_user(name: &str, password: &str) -> String {
        format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    }

    fn drop_user(name: &str) -> String {
        format!("DROP ROLE {name}")
    }

    fn make_text(column: &str) -> String {
        format!("ALTER TABLE clusterer ALTER {column} DROP DEFAULT, ALTER {column} TYPE TEXT")
    }

    fn literal(text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    fn socket(directory: &Path) -> (PathBuf, String) {
        let url = format!("postgres://u:SECRET@/x?host={}", directory.display());
        (directory.join(".s.PGSQL.5432"), url)
    }

    fn begin(stream: &mut TcpStream, has_tls: bool) {
        let mut request = [0; 8];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "the request for TLS");
        stream.write_all(if has_tls { b"S" } else { b"N" }).unwrap();
    }

    fn user_of(message: &[u8]) -> String {
        let message = String::from_utf8_lossy(message);
        let mut words = message.split('\0').skip_while(|word| *word != "user");
        words.nth(1).unwrap_or("nobody").to_owned()
    }

    fn failure(text: &str) -> Vec<u8> {
        let fields = format!("SFATAL\0C28000\0M{text}\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        [b"E", &length[..], fields.as_bytes()].concat()
    }
}

pub(crate) struct Connection {
    client: Client,
    runtime: Runtime,
}

impl engine::Connection for Connection {
    fn to(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { client, runtime }
    }

    fn run(&self, statements: &str) {
        let done = self.runtime.block_on(self.client.batch_execute(statements));
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    fn texts(&self, query: &str) -> Vec<String> {
        let messages = self.runtime.block_on(self.client.simple_query(query)).unwrap();
        let text = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        };
        messages.into_iter().filter_map(text).collect()
    }
}
