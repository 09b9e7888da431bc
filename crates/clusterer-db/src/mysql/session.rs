//! A connection to the server.

use super::cell::cell;
use super::connect::Mysql;
use super::dialect::{self, DIALECT};
use crate::backend::{Access, Session, Value};
use crate::dialect::{Dialect, Sql};
use clusterer_node::{Cell, StoreError};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Params, Row};
use std::time::Duration;

/// How many statements go to the server in one piece. It takes 1 MB at least unless told otherwise, and
/// the longest names make a statement of half a kilobyte.
const BATCH: usize = 256;

/// How long the last word may take.
const GOODBYE: Duration = Duration::from_secs(1);

pub(crate) struct MysqlSession {
    pub(super) mysql: Mysql,
    pub(super) conn: Conn,
    /// What [`MysqlSession::checksum`] was when the tables were last loaded.
    pub(super) loaded: Option<Cell>,
}

impl Session for MysqlSession {
    const DIALECT: &'static Dialect = DIALECT;

    /// Asks: the server hangs up on whoever says nothing for some hours, and the driver does not look.
    async fn is_usable(&mut self) -> bool {
        self.conn.ping().await.is_ok()
    }

    async fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        let begin = match access {
            Access::Read => {
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                 START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
            }
            // Rows that others have changed since it began are written all the same, which newer
            // MariaDBs refuse where reads are repeatable; and rows that are not there lock nothing.
            Access::Administer | Access::Write => {
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION"
            }
        };
        let begun = self.conn.query_drop(begin).await;
        self.answered(begun)?;
        if access == Access::Administer {
            self.lock_out_others().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let done = self.conn.query_drop("COMMIT").await;
        self.answered(done)
    }

    async fn query<const N: usize>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<[Cell; N]>, StoreError> {
        let found: Result<Vec<Row>, Error> = self.conn.exec(sql, params(values)).await;
        Ok(self.answered(found)?.iter().map(cells).collect())
    }

    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let execute = async {
            let done = self.conn.exec_iter(sql, params(values)).await?;
            let rows = done.affected_rows();
            done.drop_result().await?;
            Ok(rows)
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
            let mut matched = Vec::with_capacity(values.len());
            for batch in values.chunks(BATCH) {
                let statements: Vec<_> = batch.iter().map(|of_one| spelled(sql, of_one)).collect();
                let mut done = self.conn.query_iter(statements.join(";")).await?;
                for _ in batch {
                    matched.push(done.affected_rows());
                    // On to the next statement's, or to its error.
                    done.for_each(drop).await?;
                }
                done.drop_result().await?;
            }
            Ok(matched)
        };
        let answer = execute.await;
        self.answered(answer)
    }

    async fn remember(&mut self) -> Result<(), StoreError> {
        self.loaded = Some(self.checksum().await?);
        Ok(())
    }

    async fn is_changed(&mut self) -> Result<bool, StoreError> {
        let Some(loaded) = self.loaded.clone() else { return Ok(true) };
        Ok(self.checksum().await? != loaded)
    }

    async fn close(self) {
        let _ = tokio::time::timeout(GOODBYE, self.conn.disconnect()).await;
    }
}

impl MysqlSession {
    async fn checksum(&mut self) -> Result<Cell, StoreError> {
        let names = self.mysql.site.names();
        let checksum = Sql { names, dialect: DIALECT }.checksum(dialect::checksum);
        let found = self.query(&checksum, &[]).await?;
        Ok(found.into_iter().next().map_or(Cell::Null, |[sum]| sum))
    }

    /// Nobody else administers this database until the connection ends. A transaction would not do: the
    /// server commits when a table is made.
    async fn lock_out_others(&mut self) -> Result<(), StoreError> {
        let seconds = self.mysql.lock_timeout_in_seconds();
        let lock =
            format!("SELECT GET_LOCK(CONCAT('clusterer ', SHA1(DATABASE())), {seconds}) = 1");
        let locked: Vec<[Cell; 1]> = self.query(&lock, &[]).await?;
        if locked == [[Cell::Int(1)]] { Ok(()) } else { Err(self.mysql.site.locked()) }
    }

    fn answered<T>(&self, answer: Result<T, Error>) -> Result<T, StoreError> {
        answer.map_err(|error| self.mysql.explain(&error))
    }
}

fn cells<const N: usize>(row: &Row) -> [Cell; N] {
    let mut cells = [const { Cell::Null }; N];
    for (at, (slot, column)) in cells.iter_mut().zip(row.columns_ref()).enumerate() {
        *slot = row.as_ref(at).map_or(Cell::Null, |value| cell(column, value));
    }
    cells
}

fn params(values: &[Value<'_>]) -> Params {
    if values.is_empty() {
        return Params::Empty;
    }
    Params::Positional(values.iter().map(|value| value.into()).collect())
}

impl From<&Value<'_>> for mysql_async::Value {
    fn from(value: &Value<'_>) -> Self {
        match *value {
            Value::Int(number) => Self::Int(number),
            Value::Null => Self::NULL,
            Value::Text(text) => Self::Bytes(text.as_bytes().to_vec()),
        }
    }
}

/// The statement with the values in the places of its question marks, of which no name has any.
fn spelled(sql: &str, values: &[Value<'_>]) -> String {
    let mut pieces = sql.split('?');
    let mut statement = pieces.next().unwrap_or_default().to_owned();
    for (value, piece) in values.iter().zip(pieces) {
        match value {
            Value::Int(number) => statement += &number.to_string(),
            Value::Null => statement += "NULL",
            // Its bytes: there is nothing in them that could end it.
            Value::Text(text) => {
                statement += "_utf8mb4 X'";
                statement.extend(text.bytes().map(|byte| format!("{byte:02X}")));
                statement.push('\'');
            }
        }
        statement += piece;
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_where_they_belong() {
        let values = [Value::Int(-7), Value::Text("a'?\\é"), Value::Null];
        assert_eq!(
            spelled("UPDATE `t` SET a = ?, b = ? WHERE c <=> ?", &values),
            "UPDATE `t` SET a = -7, b = _utf8mb4 X'61273F5CC3A9' WHERE c <=> NULL"
        );
        assert_eq!(spelled("COMMIT", &[]), "COMMIT");
    }
}
