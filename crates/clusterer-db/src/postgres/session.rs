//! A connection to the server.

use super::cell::Raw;
use super::changes::Watch;
use super::connect::Postgres;
use super::dialect::DIALECT;
use crate::backend::{Access, Session, Value};
use crate::dialect::Dialect;
use bytes::BytesMut;
use clusterer_node::{Cell, StoreError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::error::Error as StdError;
use std::pin::pin;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};

/// How many statements are on their way before the first is answered.
const PIPELINED: usize = 256;

/// How long the last word may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What keeps two administrators from changing tables at the same time: any number, as long as all
/// of us take the same.
const ADMINISTRATION: i64 = 0x636c_7573_7465_7265;

pub(crate) struct PostgresSession {
    pub(super) postgres: Postgres,
    pub(super) client: Client,
    pub(super) driver: Driver,
    pub(super) watch: Watch,
}

/// The task that moves bytes to and fro. It ends with this value.
pub(super) struct Driver(pub(super) JoinHandle<()>);

impl Session for PostgresSession {
    const DIALECT: &'static Dialect = DIALECT;

    async fn is_usable(&mut self) -> bool {
        !self.client.is_closed()
    }

    /// Settings are made for the transaction, not for the connection: behind a pooler, that is
    /// somebody else's next.
    async fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        self.watch.begin();
        let isolation = match access {
            Access::Read => "REPEATABLE READ, READ ONLY",
            Access::Administer | Access::Write => "READ COMMITTED",
        };
        let options = self.postgres.options();
        let lock = match access {
            Access::Administer => format!("; SELECT pg_advisory_xact_lock({ADMINISTRATION})"),
            Access::Read | Access::Write => String::new(),
        };
        let batch = format!(
            "BEGIN ISOLATION LEVEL {isolation}; SET LOCAL lock_timeout = {}; \
             SET LOCAL statement_timeout = {}{lock}",
            milliseconds(options.lock_timeout),
            milliseconds(options.query_timeout),
        );
        self.answered(self.client.batch_execute(&batch).await)
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.answered(self.client.batch_execute("COMMIT").await)
    }

    async fn query<const N: usize>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<[Cell; N]>, StoreError> {
        let query = async {
            let mut found = pin!(self.client.query_typed_raw(sql, typed(values)).await?);
            let mut rows = Vec::new();
            while let Some(row) = found.try_next().await? {
                let mut cells = [const { Cell::Null }; N];
                for (at, slot) in cells.iter_mut().enumerate() {
                    *slot = row.try_get::<_, Option<Raw>>(at)?.map_or(Cell::Null, |raw| raw.0);
                }
                rows.push(cells);
            }
            Ok(rows)
        };
        let answer = query.await;
        self.answered(answer)
    }

    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let execute = async {
            let mut found = pin!(self.client.query_typed_raw(sql, typed(values)).await?);
            while found.try_next().await?.is_some() {}
            Ok(found.rows_affected().unwrap_or(0))
        };
        let answer = execute.await;
        self.answered(answer)
    }

    async fn execute_each<const N: usize>(
        &mut self,
        sql: &str,
        values: &[[Value<'_>; N]],
    ) -> Result<Vec<u64>, StoreError> {
        let execute = async {
            let statement = self.client.prepare(sql).await?;
            stream::iter(values)
                .map(|of_one| self.client.execute_raw(&statement, of_one))
                .buffered(PIPELINED)
                .try_collect()
                .await
        };
        let answer = execute.await;
        self.answered(answer)
    }

    async fn remember(&mut self) -> Result<(), StoreError> {
        self.remember_tables().await
    }

    async fn attend(&mut self) -> Result<(), StoreError> {
        self.attend_to_triggers().await
    }

    async fn is_changed(&mut self) -> Result<bool, StoreError> {
        self.are_tables_changed().await
    }

    async fn told(&mut self) {
        self.watch.told().await;
    }

    async fn tell(&mut self) -> Result<bool, StoreError> {
        self.install_triggers().await
    }

    async fn close(self) {
        let Self { client, mut driver, watch, .. } = self;
        drop(watch);
        drop(client);
        let _ = tokio::time::timeout(GOODBYE, &mut driver.0).await;
    }
}

impl PostgresSession {
    fn answered<T>(&self, answer: Result<T, Error>) -> Result<T, StoreError> {
        answer.map_err(|error| self.postgres.explain(&error))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A timeout of 0 would be none.
fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis().max(1)
}

/// The server finds the types out, from where the values stand.
fn typed<'a>(values: &'a [Value<'a>]) -> impl ExactSizeIterator<Item = (&'a Value<'a>, Type)> {
    values.iter().map(|value| (value, Type::UNKNOWN))
}

/// As text, which the server reads as whatever the column holds.
impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Null => return Ok(IsNull::Yes),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
