//! What is done with the tables, whatever database they are in: each a part of one transaction.

use crate::backend::{Access, Session, Value};
use crate::dialect::Sql;
use crate::found::{Found, FoundColumn};
use crate::names::VERSION_TABLE;
use crate::schema::{LATER_VERSION, TABLE_VERSION, unique_key};
use crate::script::Script;
use crate::site::Site;
use crate::upgrade::{LaterNode, plan};
use crate::{AdminError, Created, Finding, NewNode, Upgrade, UpgradeError};
use clusterer_node::{
    Cell, Change, Column, DbId, Flushed, NodeKey, RawRow, State, StoreError, UnixTime,
};

/// The tables of a session that has begun a transaction.
pub(crate) struct Tables<'a, S> {
    session: &'a mut S,
    site: &'a Site,
    sql: Sql<'a>,
}

impl<'a, S: Session> Tables<'a, S> {
    pub(crate) fn new(session: &'a mut S, site: &'a Site) -> Self {
        Self { session, site, sql: Sql { names: site.names(), dialect: S::DIALECT } }
    }

    /// The tables are as they must be, or an error says what to do.
    pub(crate) async fn require(&mut self) -> Result<(), StoreError> {
        let found = self.find().await?;
        let required = found.require(self.site, S::DIALECT);
        if required.is_err() && S::DIALECT.hides_tables {
            self.touch(&found).await?;
        }
        required
    }

    /// Before they are loaded: what others change from now on is told.
    pub(crate) async fn remember(&mut self) -> Result<(), StoreError> {
        self.session.remember().await
    }

    pub(crate) async fn load(&mut self) -> Result<Vec<RawRow>, StoreError> {
        let rows = self.session.query(&self.sql.load(), &[]).await?;
        Ok(rows.into_iter().map(RawRow::from_cells).collect())
    }

    /// Writes what may be written. State 0 is an administrator's: it is neither written nor replaced
    /// on the word of anybody else.
    pub(crate) async fn flush(&mut self, changes: &[Change]) -> Result<Flushed, StoreError> {
        let is_allowed =
            |change: &&Change| change.by_administrator || change.status.state != State::Down;
        // Whoever writes rows in one order cannot lock each other out.
        let mut ordered: Vec<_> = changes.iter().collect();
        ordered.sort_by_key(|change| change.id);
        let values: Vec<_> = ordered.iter().copied().filter(is_allowed).map(values).collect();
        let matched = self.session.execute_each(&self.sql.write_status(), &values).await?;
        let mut matched = matched.into_iter();
        let mut flushed = Flushed::default();
        for change in ordered {
            if is_allowed(&change) && matched.next().is_some_and(|rows| rows > 0) {
                flushed.written += 1;
            } else {
                flushed.conflicts.push(change.id);
            }
        }
        Ok(flushed)
    }

    /// Creates the tables as far as they are missing. Whatever is wrong in the end is an error.
    pub(crate) async fn create(&mut self) -> Result<Created, StoreError> {
        let found = self.find().await?;
        // Beforehand: not every database takes a table back that it has made.
        found.require_creatable(self.site, S::DIALECT)?;
        let created = Created {
            table: found.columns.is_empty(),
            version_table: !found.version_table,
            version_row: found.version.is_none(),
            triggers: false,
        };
        if created.version_table {
            self.session.execute(&self.sql.create_version(), &[]).await?;
        }
        if created.table {
            for statement in self.sql.create() {
                self.session.execute(&statement, &[]).await?;
            }
        }
        if created.version_row {
            let values = [Value::Text(self.sql.names.table()), Value::Int(TABLE_VERSION)];
            self.session.execute(&self.sql.insert_version(), &values).await?;
        }
        self.require().await?;
        Ok(created)
    }

    /// The same, and lets the database tell of changes if it can.
    pub(crate) async fn create_telling(&mut self) -> Result<Created, StoreError> {
        let created = self.create().await?;
        Ok(Created { triggers: self.session.tell().await?, ..created })
    }

    /// `node` has been checked, `key` is its.
    pub(crate) async fn add(&mut self, node: &NewNode, key: NodeKey) -> Result<DbId, AdminError> {
        if let Some(id) = self.id_of(key).await? {
            return Err(AdminError::Duplicate { key, id });
        }
        let values = [
            Value::Int(node.cluster_id),
            Value::Int(node.machine_id),
            Value::Text(&node.url),
            Value::Int(node.state),
            Value::Int(node.failed_attempts),
            Value::Int(node.duration),
            node.description.as_deref().map_or(Value::Null, Value::Text),
        ];
        self.session.execute(&self.sql.insert(), &values).await?;
        let id = match self.id_of(key).await? {
            Some(Cell::Int(id)) => i64::try_from(id).ok().and_then(DbId::new),
            _ => None,
        };
        id.ok_or_else(|| {
            let column = self.sql.names.column(Column::Id);
            self.site.refused(&format!("column {column} does not number new rows by itself")).into()
        })
    }

    pub(crate) async fn remove(&mut self, key: NodeKey) -> Result<(), AdminError> {
        match self.session.execute(&self.sql.delete(), &key_values(key)).await? {
            0 => Err(AdminError::NotFound(key)),
            _ => Ok(()),
        }
    }

    /// What is wrong with the tables and, as far as they can be read, with the rows.
    pub(crate) async fn check(&mut self, now: UnixTime) -> Result<Vec<Finding>, StoreError> {
        let mut findings = self.find().await?.findings(self.sql.names, S::DIALECT);
        let readable = !findings.iter().any(|finding| {
            matches!(finding, Finding::MissingColumn { .. } | Finding::MissingTable { .. })
        });
        if readable {
            findings.extend(Finding::of_rows(&self.load().await?, now));
        }
        Ok(findings)
    }

    /// What becomes of the rows in a table of the later generation. There must be none of this name.
    pub(crate) async fn plan_upgrade(&mut self, into: &str) -> Result<Upgrade, UpgradeError> {
        self.require().await?;
        if !self.columns(into).await?.is_empty() || self.version_of(into).await?.is_some() {
            return Err(UpgradeError::Exists { table: into.to_owned() });
        }
        let rows = plan(&self.load().await?);
        let mut script = Script::begin(S::DIALECT);
        for statement in self.sql.create_later(into) {
            script.statement(&statement);
        }
        script.tables_made();
        for row in &rows {
            script.comment(&row.to_string());
            if let Ok(node) = &row.becomes {
                script.statement(&self.sql.insert_later_literally(into, &later_values(node)));
            }
        }
        script.statement(&self.sql.insert_version_literally(into, LATER_VERSION));
        Ok(Upgrade { table: into.to_owned(), rows, script: script.end() })
    }

    /// Writes that table. Its version comes last: who finds it finds the whole table.
    pub(crate) async fn upgrade(&mut self, into: &str) -> Result<Upgrade, UpgradeError> {
        let upgrade = self.plan_upgrade(into).await?;
        for statement in self.sql.create_later(into) {
            self.session.execute(&statement, &[]).await?;
        }
        if !S::DIALECT.takes_tables_back {
            // That has ended the transaction: the rest is one again.
            self.session.begin(Access::Write).await?;
        }
        let nodes = upgrade.rows.iter().filter_map(|row| row.becomes.as_ref().ok());
        let values: Vec<_> = nodes.map(later_values).collect();
        self.session.execute_each(&self.sql.insert_later(into), &values).await?;
        let version = [Value::Text(into), Value::Int(LATER_VERSION)];
        self.session.execute(&self.sql.insert_version(), &version).await?;
        Ok(upgrade)
    }

    async fn find(&mut self) -> Result<Found, StoreError> {
        let names = self.sql.names;
        let version_table = !self.columns(VERSION_TABLE).await?.is_empty();
        let version = if version_table { self.version_of(names.table()).await? } else { None };
        let columns = self.columns(names.table()).await?;
        Ok(Found { version_table, version, columns, unique: self.has_unique_key().await? })
    }

    /// What is not found may be there, and not be allowed.
    async fn touch(&mut self, found: &Found) -> Result<(), StoreError> {
        let nodes = self.sql.names.table();
        for (table, is_found) in
            [(VERSION_TABLE, found.version_table), (nodes, !found.columns.is_empty())]
        {
            if is_found {
                continue;
            }
            let touched = self.session.query::<1>(&self.sql.touch(table), &[]).await;
            if let Err(error @ StoreError::Refused(_)) = touched {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn version_of(&mut self, table: &str) -> Result<Option<Cell>, StoreError> {
        let rows = self.session.query(&self.sql.version(), &[Value::Text(table)]).await?;
        Ok(rows.into_iter().next().map(|[version]| version))
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<FoundColumn>, StoreError> {
        let table = S::DIALECT.catalogued(table);
        let rows = self.session.query(S::DIALECT.columns_of, &[Value::Text(&table)]).await?;
        let column = |[name, declared, nullable, filled]: [Cell; 4]| FoundColumn {
            name: name.to_string(),
            declared: declared.to_string(),
            nullable: nullable == Cell::Int(1),
            filled: filled == Cell::Int(1),
        };
        Ok(rows.into_iter().map(column).collect())
    }

    async fn has_unique_key(&mut self) -> Result<bool, StoreError> {
        let names = self.sql.names;
        let table = S::DIALECT.catalogued(names.table());
        let [cluster, machine] = unique_key(names).map(|name| S::DIALECT.catalogued(name));
        let values = [&table, &cluster, &machine].map(|name| Value::Text(name));
        let rows = self.session.query(S::DIALECT.unique_over, &values).await?;
        Ok(rows.iter().any(|[count]: &[Cell; 1]| *count != Cell::Int(0)))
    }

    async fn id_of(&mut self, key: NodeKey) -> Result<Option<Cell>, StoreError> {
        let rows = self.session.query(&self.sql.id_of(), &key_values(key)).await?;
        Ok(rows.into_iter().next().map(|[id]| id))
    }
}

/// The values of `Sql::write_status`.
fn values(change: &Change) -> [Value<'static>; 5] {
    let status = change.status;
    [
        Value::Int(status.state.number().into()),
        Value::Int(status.no_tries.into()),
        // A time past what the column holds is as wrong as any: it is read back as 0.
        Value::Int(i64::try_from(status.last_attempt.as_secs()).unwrap_or(i64::MAX)),
        Value::Int(change.id.get()),
        Value::Int(change.by_administrator.into()),
    ]
}

fn key_values(key: NodeKey) -> [Value<'static>; 2] {
    [Value::Int(key.cluster.get().into()), Value::Int(key.machine.get().into())]
}

/// The values of `Sql::insert_later`.
fn later_values(node: &LaterNode) -> [Value<'_>; 6] {
    [
        Value::Int(node.key.cluster.get().into()),
        Value::Int(node.key.machine.get().into()),
        Value::Text(&node.url),
        Value::Int(node.enabled.into()),
        Value::Int(node.no_ping_retries.into()),
        node.description.as_deref().map_or(Value::Null, Value::Text),
    ]
}
