//! A database with a large table, of each kind that there is.

use crate::client::Client;
use clusterer::NodeStore;
use clusterer_db::{Admin, DbUrl, Options};
use std::env;
use std::fmt::Write as _;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Rows in a statement: a server takes no statement of any length.
const CHUNK: i64 = 1_000;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MySql,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MariaDB",
        }
    }

    /// The server's URL, of a superuser. SQLite needs none.
    fn server(self) -> Result<Option<String>, String> {
        let variable = match self {
            Self::Sqlite => return Ok(None),
            Self::Postgres => "CLUSTERER_TEST_POSTGRES",
            Self::MySql => "CLUSTERER_TEST_MYSQL",
        };
        let why = |_| {
            format!("{variable} is not set: `cargo xtask servers` starts a server and prints it")
        };
        env::var(variable).map(Some).map_err(why)
    }
}

/// Dropping it removes it.
pub(crate) struct Database<'a> {
    pub(crate) kind: Kind,
    pub(crate) rows: i64,
    url: DbUrl,
    runtime: &'a Runtime,
    /// Where it is kept: a directory, or a server and the name that it has there.
    place: Place,
}

enum Place {
    File(TempDir),
    Server(String, String),
}

impl<'a> Database<'a> {
    /// Machine 1, and its peers in cluster 1. They are down: whoever runs this is to dial nobody.
    ///
    /// # Errors
    /// There is no such server.
    pub(crate) fn of(kind: Kind, rows: i64, runtime: &'a Runtime) -> Result<Self, String> {
        let (place, url) = match kind.server()? {
            None => {
                let directory = tempfile::tempdir().unwrap();
                let url = DbUrl::sqlite(directory.path().join("nodes.db").to_str().unwrap());
                (Place::File(directory), url.unwrap())
            }
            Some(server) => {
                let name = format!("bench_{}_{rows}", std::process::id());
                Client::to_server(kind, &server, runtime).run(&format!("CREATE DATABASE {name}"));
                let url = within(&server, &name).parse().unwrap();
                (Place::Server(server, name), url)
            }
        };
        let database = Self { kind, rows, url, runtime, place };
        Admin::new(&database.url, &Options::default()).init().unwrap();
        let mut client = database.client();
        let ids: Vec<i64> = (1..=rows).collect();
        client.run("BEGIN");
        ids.chunks(usize::try_from(CHUNK).unwrap()).for_each(|ids| client.run(&insert(ids)));
        client.run("COMMIT");
        Ok(database)
    }

    /// A connection beside the store.
    pub(crate) fn client(&self) -> Client<'a> {
        match &self.place {
            Place::File(directory) => Client::to_file(&directory.path().join("nodes.db")),
            Place::Server(server, name) => {
                Client::to_server(self.kind, &within(server, name), self.runtime)
            }
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn NodeStore> {
        let opened = self.runtime.block_on(clusterer_db::open(&self.url, &Options::default()));
        opened.unwrap().into()
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if let Place::Server(server, name) = &self.place {
            let force = if matches!(self.kind, Kind::Postgres) { " WITH (FORCE)" } else { "" };
            Client::to_server(self.kind, server, self.runtime)
                .run(&format!("DROP DATABASE {name}{force}"));
        }
    }
}

/// The URL of a database on a server.
fn within(server: &str, database: &str) -> String {
    let (authority, _) = server.rsplit_once('/').unwrap();
    format!("{authority}/{database}")
}

fn insert(ids: &[i64]) -> String {
    let columns = "id, cluster_id, machine_id, url, state, description";
    let mut sql = format!("INSERT INTO clusterer ({columns}) VALUES ");
    for (at, id) in ids.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let (a, b, c) = (id >> 16, (id >> 8) & 255, id & 255);
        write!(sql, "{comma}({id}, 1, {id}, 'bin:10.{a}.{b}.{c}:5566', 0, 'node {id}')").unwrap();
    }
    sql
}
