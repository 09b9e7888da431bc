//! A database of its own on the test's server, and a connection beside the store under test.

use crate::conformance::{Provisioned, wait};
use clusterer_db::{Admin, DbUrl, Options, TableNames};
use clusterer_node::{Cell, Column, NodeStore, RawRow, StoreError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

const VARIABLE: &str = "CLUSTERER_TEST_POSTGRES";

/// Whether `test` can run here; reports it as skipped if not.
pub(crate) fn server_is_there(test: &str) -> bool {
    let is_there = std::env::var_os(VARIABLE).is_some();
    if !is_there {
        skip(test, "CLUSTERER_TEST_POSTGRES is not set: `cargo xtask test` starts PostgreSQL");
    }
    is_there
}

/// Ends a test that needs a server where there is none.
macro_rules! needs_server {
    ($test:ident) => {
        if !$crate::fixture::server_is_there(concat!(module_path!(), "::", stringify!($test))) {
            return;
        }
    };
}
pub(crate) use needs_server;

/// Reports that `test` cannot run here. The caller returns.
pub(crate) fn skip(test: &str, reason: &str) {
    use std::io::Write as _;

    let line = format!("SKIPPED: {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("CLUSTERER_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        // One write of a short line: appended whole, whoever else is writing.
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a skip must be seen");
    }
}

/// A database, dropped at the end with all that is connected to it.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    /// A user that is not a superuser, if the test asked for one.
    user: Option<String>,
    pub(crate) options: Options,
}

impl Fixture {
    /// A database without a table.
    pub(crate) fn empty() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("clusterer_{}_{count}", std::process::id());
        // Patient: a busy machine is no fault.
        let options = Options::default()
            .lock_timeout(Duration::from_secs(20))
            .query_timeout(Duration::from_secs(60));
        Connection::to(&base()).run(&format!("CREATE DATABASE {name}"));
        Self { name, user: None, options }
    }

    /// A database with the tables.
    pub(crate) fn new() -> Self {
        let fixture = Self::empty();
        fixture.admin().init().unwrap();
        fixture
    }

    /// A database with these rows.
    pub(crate) fn with(rows: &[RawRow]) -> Self {
        let fixture = Self::new();
        fixture.insert(rows);
        fixture
    }

    /// The same, and it tells of changes.
    pub(crate) fn telling(rows: &[RawRow]) -> Self {
        let fixture = Self::with(rows);
        fixture.admin().init_notify().unwrap();
        fixture
    }

    /// A database whose table takes anything that fits a column's type, with this row.
    pub(crate) fn lax(row: &RawRow) -> Self {
        let fixture = Self::new();
        fixture.sql(
            "DROP TABLE clusterer;
             CREATE TABLE clusterer (id BIGINT, cluster_id BIGINT, machine_id BIGINT,
                url TEXT, state BIGINT DEFAULT 1, last_attempt NUMERIC DEFAULT 0,
                failed_attempts BIGINT DEFAULT 3, no_tries BIGINT DEFAULT 0,
                duration BIGINT DEFAULT 30, description TEXT)",
        );
        fixture.insert(std::slice::from_ref(row));
        fixture
    }

    pub(crate) fn named(settings: &[(&'static str, &'static str)]) -> Self {
        let mut fixture = Self::empty();
        let names = TableNames::new(settings.iter().copied()).unwrap();
        fixture.options = fixture.options.clone().names(names);
        fixture
    }

    /// The same database, for whoever does not wait long for a lock.
    pub(crate) fn impatient(mut self) -> Self {
        self.options = self.options.clone().lock_timeout(Duration::from_millis(100));
        self
    }

    /// The same database, for a user who may do nothing yet.
    pub(crate) fn for_nobody(mut self) -> Self {
        let user = format!("{}_user", self.name);
        self.sql(&format!("CREATE ROLE {user} LOGIN PASSWORD 'nobody'"));
        self.user = Some(user);
        self
    }

    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap()
    }

    pub(crate) fn url(&self) -> DbUrl {
        let url = match &self.user {
            Some(user) => format!("postgres://{user}:nobody@{}/{}", address(), self.name),
            None => self.superuser(),
        };
        url.parse().unwrap()
    }

    /// Another database of the server.
    pub(crate) fn url_of(&self, database: &str) -> DbUrl {
        format!("{}/{database}", base().rsplit_once('/').unwrap().0).parse().unwrap()
    }

    /// The superuser's name and password, as they stand in a URL.
    pub(crate) fn userinfo(&self) -> String {
        let base = base();
        let behind_scheme = base.split_once("//").unwrap().1;
        behind_scheme.split_once('@').unwrap().0.to_owned()
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.url(), &self.options)
    }

    pub(crate) fn open(&self) -> Result<Box<dyn NodeStore>, StoreError> {
        wait(clusterer_db::open(&self.url(), &self.options))
    }

    /// Why the store does not open.
    pub(crate) fn open_error(&self) -> StoreError {
        open_error(&self.url(), &self.options)
    }

    /// A text without the parts that differ from run to run.
    pub(crate) fn plain(&self, text: &impl ToString) -> String {
        let text = text.to_string().replace(&self.url().to_string(), "URL");
        let text = match &self.user {
            Some(user) => text.replace(user, "USER"),
            None => text,
        };
        text.replace(&address(), "HOST").replace(&self.name, "NAME")
    }

    /// What another process would use, with every right.
    pub(crate) fn connection(&self) -> Connection {
        Connection::to(&self.superuser())
    }

    pub(crate) fn sql(&self, statements: &str) {
        self.connection().run(statements);
    }

    /// The first column of the rows of a query, as texts.
    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        self.connection().texts(query)
    }

    fn superuser(&self) -> String {
        format!("{}/{}", base().rsplit_once('/').unwrap().0, self.name)
    }

    fn insert(&self, rows: &[RawRow]) {
        if rows.is_empty() {
            return;
        }
        let columns = Column::ALL.map(Column::name).join(", ");
        let rows: Vec<_> =
            rows.iter().map(|row| format!("({})", row.cells().map(literal).join(", "))).collect();
        self.sql(&format!("INSERT INTO clusterer ({columns}) VALUES {}", rows.join(", ")));
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let connection = Connection::to(&base());
        connection.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if let Some(user) = &self.user {
            connection.run(&format!("DROP ROLE {user}"));
        }
    }
}

impl Provisioned for Fixture {
    fn store(&self) -> Box<dyn NodeStore> {
        self.open().unwrap()
    }

    fn set_state(&self, id: i64, state: i64) {
        self.sql(&format!("UPDATE clusterer SET state = {state} WHERE id = {id}"));
    }

    fn delete(&self, id: i64) {
        self.sql(&format!("DELETE FROM clusterer WHERE id = {id}"));
    }

    fn cut(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }

    fn row(&self, id: i64) -> Option<RawRow> {
        let rows = self.admin().list().unwrap();
        rows.into_iter().find(|row| row.id == Cell::Int(id.into()))
    }
}

/// A connection of somebody else's. It blocks.
pub(crate) struct Connection {
    client: Client,
    runtime: Runtime,
}

impl Connection {
    fn to(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { client, runtime }
    }

    pub(crate) fn run(&self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).unwrap();
    }

    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        let rows = self.runtime.block_on(self.client.query(query, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

pub(crate) fn open_error(url: &DbUrl, options: &Options) -> StoreError {
    match wait(clusterer_db::open(url, options)) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

/// A superuser's URL of a database that is always there.
fn base() -> String {
    std::env::var(VARIABLE).unwrap()
}

/// The host and the port.
pub(crate) fn address() -> String {
    let base = base();
    let behind_user = base.split_once('@').unwrap().1;
    behind_user.split_once('/').unwrap().0.to_owned()
}

fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
        other => panic!("cannot be stored: {other:?}"),
    }
}
