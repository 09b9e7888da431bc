//! The drivers as they are: what a SELECT costs without us.

use crate::database::Kind;
use futures_util::TryStreamExt;
use mysql_async::prelude::Queryable;
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use tokio::runtime::Runtime;

const SELECT: &str = "SELECT * FROM clusterer";

/// A connection.
pub(crate) enum Client<'a> {
    Sqlite(rusqlite::Connection),
    Postgres(&'a Runtime, tokio_postgres::Client),
    MySql(&'a Runtime, mysql_async::Conn),
}

impl<'a> Client<'a> {
    pub(crate) fn to_file(path: &Path) -> Self {
        Self::Sqlite(rusqlite::Connection::open(path).unwrap())
    }

    pub(crate) fn to_server(kind: Kind, url: &str, runtime: &'a Runtime) -> Self {
        match kind {
            Kind::Sqlite => unreachable!("it has no server"),
            Kind::Postgres => {
                let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls);
                let (client, connection) = runtime.block_on(connecting).unwrap();
                // It ends with the client.
                drop(runtime.spawn(connection));
                Self::Postgres(runtime, client)
            }
            Kind::MySql => {
                let connecting = mysql_async::Conn::from_url(url);
                Self::MySql(runtime, runtime.block_on(connecting).unwrap())
            }
        }
    }

    pub(crate) fn run(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).unwrap(),
            Self::Postgres(runtime, client) => {
                runtime.block_on(client.batch_execute(sql)).unwrap();
            }
            Self::MySql(runtime, conn) => runtime.block_on(conn.query_drop(sql)).unwrap(),
        }
    }

    /// Reads every row, and keeps none; returns how many there are.
    pub(crate) fn select(&mut self) -> usize {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(SELECT).unwrap();
                let columns = statement.column_count();
                let mut found = statement.query([]).unwrap();
                let mut rows = 0;
                while let Some(row) = found.next().unwrap() {
                    for column in 0..columns {
                        black_box(row.get_ref(column).unwrap());
                    }
                    rows += 1;
                }
                rows
            }
            Self::Postgres(runtime, client) => runtime.block_on(async {
                let no_values: [i32; 0] = [];
                let mut found = pin!(client.query_raw(SELECT, no_values).await.unwrap());
                let mut rows = 0;
                while let Some(row) = found.try_next().await.unwrap() {
                    black_box(row);
                    rows += 1;
                }
                rows
            }),
            Self::MySql(runtime, conn) => runtime.block_on(async {
                let mut found = conn.query_iter(SELECT).await.unwrap();
                let mut rows = 0;
                let count = |row: mysql_async::Row| {
                    black_box(row);
                    rows += 1;
                };
                found.for_each(count).await.unwrap();
                rows
            }),
        }
    }
}
