//! Administration: what `clustererctl db …` does.

use crate::administer::Administer;
use crate::schema::{TEXT_WIDTH, VERSIONED_WIDTH};
use crate::{DbUrl, Finding, Options, TableNames, Upgrade, UpgradeError};
use clusterer_node::{Cell, Column, DbId, NodeKey, RawRow, Row, RowError, StoreError, UnixTime};
use std::fmt;

/// Administers the tables of one database. Every method opens the database, does its work in one
/// transaction and closes it again; it blocks until then.
///
/// ```
/// use clusterer_db::{Admin, NewNode, Options};
/// use clusterer_node::UnixTime;
///
/// let directory = tempfile::tempdir()?;
/// let url = format!("sqlite:{}/cluster.db", directory.path().display()).parse()?;
/// let admin = Admin::new(&url, &Options::default());
///
/// println!("{}", admin.init()?);
/// admin.add(&NewNode::new(1, 1, "bin:192.168.0.5:5566"))?;
/// admin.add(&NewNode { description: Some("Node B".into()), ..NewNode::new(1, 2, "bin:192.168.0.6:5566") })?;
/// for row in admin.list()? {
///     println!("{} {}", row.id, row.url);
/// }
/// assert_eq!(admin.check(UnixTime::ZERO)?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Admin {
    backend: Box<dyn Administer>,
    /// The table to read.
    table: String,
}

/// A node to add. Nothing in it has been checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// The cluster's id: 1 to 2147483647.
    pub cluster_id: i64,
    /// The machine's id in the cluster: 1 to 2147483647.
    pub machine_id: i64,
    /// Where it listens, at most 64 characters.
    pub url: String,
    /// 0 down, 1 up (the default), 2 probing.
    pub state: i64,
    /// Failures in a row until it is disabled; 3 by default.
    pub failed_attempts: i64,
    /// Seconds it stays disabled; 30 by default.
    pub duration: i64,
    /// Free text, at most 64 characters; NULL by default.
    pub description: Option<String>,
}

/// What [`Admin::init`] had to create. Shown as a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// The table of the nodes.
    pub table: bool,
    /// The table of the versions.
    pub version_table: bool,
    /// The row in it for the table of the nodes.
    pub version_row: bool,
    /// The triggers that tell nodes of changes.
    pub triggers: bool,
}

/// Why an administration command did nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The machine is in that cluster already.
    #[error("{key} exists already, in row {id}")]
    Duplicate {
        /// The node.
        key: NodeKey,
        /// The `id` of its row, as it stands there.
        id: Cell,
    },
    /// A value of the new node is not what its column must hold.
    #[error(transparent)]
    Invalid(#[from] RowError),
    /// There is no such node.
    #[error("there is no {0}")]
    NotFound(NodeKey),
    /// The database could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A text of the new node is wider than its column.
    #[error("column {column} would have {length} characters, at most {TEXT_WIDTH} fit")]
    TooLong {
        /// The column.
        column: Column,
        /// The length of the text in characters.
        length: usize,
    },
}

impl Admin {
    /// Administers this database. Touches nothing yet.
    #[must_use]
    pub fn new(url: &DbUrl, options: &Options) -> Self {
        let table = options.names.table().to_owned();
        Self { backend: crate::open::administer(url, options), table }
    }

    /// Creates what is missing of the database: its file, the table, the `version` table, its row.
    /// What is there and right stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was created then but perhaps an empty file, and on MySQL, which takes
    /// nothing back, what came before the statement that failed. [`StoreError::Schema`] if
    /// there is a table of another version, or one that lacks a column.
    pub fn init(&self) -> Result<Created, StoreError> {
        self.backend.init()
    }

    /// The same, and lets PostgreSQL tell nodes that wait for it when somebody changes the table: a function
    /// `clusterer_notify` and two triggers notify a channel of the table's name. What nodes write back
    /// notifies nobody. Other databases need nothing of the kind, and get nothing.
    ///
    /// Nothing removes the triggers again but the table's end, or `DROP TRIGGER`. They name columns: after
    /// one of those is dropped and made anew, drop them, too.
    ///
    /// # Errors
    /// As [`Admin::init`]; the user must own the table.
    pub fn init_notify(&self) -> Result<Created, StoreError> {
        self.backend.init_notify()
    }

    /// Adds a node and returns the key that its row got.
    ///
    /// # Errors
    /// [`AdminError`]; nothing was added then.
    pub fn add(&self, node: &NewNode) -> Result<DbId, AdminError> {
        let key = node.check()?;
        self.backend.add(node, key)
    }

    /// Removes a node.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], or why the database could not do it; nothing was removed then.
    pub fn remove(&self, key: NodeKey) -> Result<(), AdminError> {
        self.backend.remove(key)
    }

    /// Every row as it stands there, in the order the database returns them.
    ///
    /// # Errors
    /// [`StoreError`], as for loading.
    pub fn list(&self) -> Result<Vec<RawRow>, StoreError> {
        self.backend.list()
    }

    /// Looks for everything that is wrong with the tables and the rows. Host names are not resolved.
    /// `now` judges the `last_attempt` column.
    ///
    /// # Errors
    /// [`StoreError`] if the database itself cannot be read; whatever is wrong in it is a finding.
    pub fn check(&self, now: UnixTime) -> Result<Vec<Finding>, StoreError> {
        self.backend.check(now)
    }

    /// What [`Admin::upgrade`] would do. Nothing is changed.
    ///
    /// # Errors
    /// [`UpgradeError`], as for doing it.
    pub fn plan_upgrade(&self, into: &str) -> Result<Upgrade, UpgradeError> {
        self.check_target(into)?;
        self.backend.plan_upgrade(into)
    }

    /// Writes the table of the later generation, version 4, from the rows of this one, version 1: a new
    /// table of the name `into`, and its version. The table that is read stays as it is.
    ///
    /// All of it is one transaction, save that MySQL keeps a table that was made: after an error there it
    /// may be left without rows and without a version, and has to be dropped.
    ///
    /// # Errors
    /// [`UpgradeError::Exists`] if there is such a table: it is never changed. [`UpgradeError::Store`] as
    /// for loading.
    pub fn upgrade(&self, into: &str) -> Result<Upgrade, UpgradeError> {
        self.check_target(into)?;
        self.backend.upgrade(into)
    }

    fn check_target(&self, into: &str) -> Result<(), UpgradeError> {
        let is_name = TableNames::new([(TableNames::TABLE_KEY, into)]).is_ok();
        let fits = into.len() <= VERSIONED_WIDTH;
        if is_name && fits && !into.eq_ignore_ascii_case(&self.table) {
            return Ok(());
        }
        Err(UpgradeError::Name { name: into.to_owned() })
    }
}

impl NewNode {
    /// A node with the table's defaults: up, 3 failed attempts, 30 seconds, no description.
    #[must_use]
    pub fn new(cluster_id: i64, machine_id: i64, url: impl Into<String>) -> Self {
        Self {
            cluster_id,
            machine_id,
            url: url.into(),
            state: 1,
            failed_attempts: 3,
            duration: 30,
            description: None,
        }
    }

    /// Reads the node as a row that a database delivered, so that what can be added is exactly what
    /// can be loaded.
    fn check(&self) -> Result<NodeKey, AdminError> {
        let raw = RawRow {
            id: Cell::Int(0),
            cluster_id: Cell::Int(self.cluster_id.into()),
            machine_id: Cell::Int(self.machine_id.into()),
            url: Cell::Text(self.url.clone()),
            state: Cell::Int(self.state.into()),
            failed_attempts: Cell::Int(self.failed_attempts.into()),
            duration: Cell::Int(self.duration.into()),
            description: self.description.clone().map_or(Cell::Null, Cell::Text),
            ..RawRow::default()
        };
        let row = Row::parse(&raw, UnixTime::ZERO)?.row;
        for (column, text) in
            [(Column::Url, row.url.as_str()), (Column::Description, &row.description)]
        {
            let length = text.chars().count();
            if length > TEXT_WIDTH {
                return Err(AdminError::TooLong { column, length });
            }
        }
        Ok(NodeKey { cluster: row.cluster, machine: row.machine })
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.table, "the table of the nodes"),
            (self.version_table, "the version table"),
            (self.version_row, "the version of the table"),
            (self.triggers, "the triggers that tell of changes"),
        ];
        let mut created = parts.iter().filter(|(created, _)| *created).map(|(_, name)| name);
        match created.next() {
            None => f.write_str("everything is there already"),
            Some(first) => {
                write!(f, "created {first}")?;
                created.try_for_each(|name| write!(f, ", {name}"))
            }
        }
    }
}
