//! `clustererctl db`: the table in which the nodes are provisioned.

mod list;
mod upgrade;

use crate::failure::Failure;
use crate::screen::printable;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use clusterer_db::{
    Admin, AdminError, DbUrl, Finding, NewNode, Options, Scheme, Severity, TableNames,
    UpgradeError, schema_script,
};
use clusterer_node::{ClusterId, MachineId, NodeKey, StoreError, UnixTime};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add a node
    Add {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        key: Key,
        /// Where the node listens, such as bin:192.168.0.5:5566
        #[arg(long)]
        url: String,
        /// 0 down, 1 up, 2 probing
        #[arg(long, default_value_t = 1)]
        state: i64,
        /// Failures in a row until the node is temporarily disabled
        #[arg(long, value_name = "N", default_value_t = 3)]
        failed_attempts: i64,
        /// How long it stays disabled
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        duration: i64,
        /// A description for people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Print what is wrong with the tables and the rows, one finding a line
    ///
    /// The exit code is 1 if anything is worse than a warning. Host names are not resolved.
    Check {
        #[command(flatten)]
        database: Database,
    },
    /// Create what is missing: the file, the table of the nodes, the version table
    ///
    /// With --to 4: the table that OpenSIPS 3.x and 4.x read, from the rows of this one. Prints the
    /// statements, and what becomes of each row; only --write changes anything.
    Init {
        #[command(flatten)]
        database: Database,
        /// Let PostgreSQL tell nodes at once when somebody changes the table (two triggers)
        #[arg(long, conflicts_with = "to")]
        notify: bool,
        #[command(flatten)]
        upgrade: upgrade::Args,
    },
    /// Print every row as it stands there
    List {
        #[command(flatten)]
        database: Database,
        /// As an array of objects, with the default names of the columns
        #[arg(long)]
        json: bool,
    },
    /// Remove a node
    Remove {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        key: Key,
    },
    /// Print what init does as SQL, for the database's own client
    Schema {
        /// The kind of database
        #[arg(value_name = "SCHEME", value_parser = schemes())]
        scheme: String,
        #[command(flatten)]
        names: Names,
    },
}

#[derive(clap::Args)]
struct Database {
    /// The database, as `db_url` in the daemon's configuration: sqlite:PATH,
    /// `postgres://USER:PASSWORD@HOST/DATABASE` or `mysql://USER:PASSWORD@HOST/DATABASE`
    // Not parsed by clap, which would print it, and its password, when it is wrong.
    #[arg(long, value_name = "URL")]
    db_url: String,
    #[command(flatten)]
    names: Names,
}

#[derive(clap::Args)]
struct Names {
    /// The name of the table, if it is not clusterer
    #[arg(long, value_name = "NAME")]
    db_table: Option<String>,
    /// The name of a column by its configuration key, such as `url_col=address`; may be repeated
    #[arg(long, value_name = "KEY=NAME", value_parser = column)]
    column: Vec<(String, String)>,
}

#[derive(clap::Args)]
struct Key {
    /// The cluster's id
    #[arg(long, value_name = "N")]
    cluster_id: ClusterId,
    /// The machine's id in that cluster
    #[arg(long, value_name = "N")]
    machine_id: MachineId,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    execute(args).map_err(reachable_or_not)
}

/// A database that is away is no refusal, as a daemon that does not answer is none.
fn reachable_or_not(error: anyhow::Error) -> anyhow::Error {
    let store = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(AdminError::Store(error)), _) | (_, Some(UpgradeError::Store(error))) => Some(error),
        _ => error.downcast_ref::<StoreError>(),
    };
    match store {
        Some(StoreError::Unavailable(_)) => Failure::unreachable(format!("{error:#}")),
        _ => error,
    }
}

fn execute(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Add { database, key, url, state, failed_attempts, duration, description } => {
            let node = NewNode {
                state: *state,
                failed_attempts: *failed_attempts,
                duration: *duration,
                description: description.clone(),
                ..NewNode::new(key.cluster_id.get().into(), key.machine_id.get().into(), url)
            };
            add(database, key.node(), &node)
        }
        Command::Check { database } => check(database),
        Command::Init { database, upgrade, .. } if upgrade.is_wanted() => {
            let (url, admin) = database.open()?;
            upgrade::run(&url, &admin, upgrade)
        }
        Command::Init { database, notify, .. } => init(database, *notify),
        Command::List { database, json } => list::run(&database.open()?.1, *json),
        Command::Remove { database, key } => remove(database, key.node()),
        Command::Schema { scheme, names } => schema(scheme, names),
    }
}

fn add(database: &Database, key: NodeKey, node: &NewNode) -> anyhow::Result<ExitCode> {
    let id = database.open()?.1.add(node).map_err(|error| match error {
        AdminError::Invalid(_) | AdminError::TooLong { .. } => Failure::usage(error),
        error => error.into(),
    })?;
    say(format_args!("added {key} as row {id}"))
}

fn check(database: &Database) -> anyhow::Result<ExitCode> {
    let (url, admin) = database.open()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let findings = admin.check(UnixTime::from_secs(now.as_secs()))?;
    if findings.is_empty() {
        return say(format_args!("{url}: ok"));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    for finding in &findings {
        writeln!(out, "{}: {}", severity(finding), printable(&finding.to_string()))?;
    }
    out.flush()?;
    let harmless = findings.iter().all(|finding| finding.severity() <= Severity::Warning);
    Ok(if harmless { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn init(database: &Database, notify: bool) -> anyhow::Result<ExitCode> {
    let (url, admin) = database.open()?;
    let created = if notify { admin.init_notify()? } else { admin.init()? };
    say(format_args!("{url}: {created}"))
}

fn remove(database: &Database, key: NodeKey) -> anyhow::Result<ExitCode> {
    database.open()?.1.remove(key)?;
    say(format_args!("removed {key}"))
}

fn schema(scheme: &str, names: &Names) -> anyhow::Result<ExitCode> {
    let known = Scheme::SUPPORTED.iter().find(|known| known.name() == scheme);
    let known = known.ok_or_else(|| Failure::usage(format!("no support for {scheme}")))?;
    let script = schema_script(*known, &names.checked()?)?;
    write!(io::stdout(), "{}{script}", schema_introduction(*known))?;
    Ok(ExitCode::SUCCESS)
}

fn schema_introduction(scheme: Scheme) -> String {
    let (client, note) = match scheme {
        Scheme::Mysql => ("mysql DATABASE < mysql.sql", "it stops at the first error"),
        Scheme::Postgres => {
            ("psql -v ON_ERROR_STOP=1 -d DATABASE -f postgres.sql", "all of it or nothing")
        }
        Scheme::Sqlite => (
            "sqlite3 -bail FILE < sqlite.sql",
            "all of it or nothing, while `db init` also turns on the write-ahead log of a new file",
        ),
        _ => ("the database's own client", "it stops at the first error"),
    };
    format!(
        "-- The tables of OpenSIPS 2.2 in which clusterer's nodes are provisioned, for {scheme}.\n\
         -- Printed by `clustererctl db schema {}`. `clustererctl db init` makes the same.\n\
         --   {client}\n\
         -- ({note})\n",
        scheme.name()
    )
}

impl Database {
    /// Connects nowhere yet.
    fn open(&self) -> anyhow::Result<(DbUrl, Admin)> {
        let url = self
            .db_url
            .parse::<DbUrl>()
            .map_err(|error| Failure::usage(format!("--db-url: {error}")))?;
        let admin = Admin::new(&url, &Options::default().names(self.names.checked()?));
        Ok((url, admin))
    }
}

impl Names {
    fn checked(&self) -> anyhow::Result<TableNames> {
        let table = self.db_table.iter().map(|name| (TableNames::TABLE_KEY, name.as_str()));
        let columns = self.column.iter().map(|(key, name)| (key.as_str(), name.as_str()));
        TableNames::new(table.chain(columns)).map_err(Failure::usage)
    }
}

impl Key {
    const fn node(&self) -> NodeKey {
        NodeKey { cluster: self.cluster_id, machine: self.machine_id }
    }
}

fn schemes() -> PossibleValuesParser {
    PossibleValuesParser::new(Scheme::SUPPORTED.iter().map(|scheme| scheme.name()))
}

fn column(setting: &str) -> Result<(String, String), String> {
    let keys = || TableNames::COLUMN_KEYS.join(", ");
    let (key, name) =
        setting.split_once('=').ok_or_else(|| format!("want KEY=NAME, KEY one of {}", keys()))?;
    if !TableNames::COLUMN_KEYS.contains(&key) {
        return Err(format!("{key:?} is no key of a column (want one of {})", keys()));
    }
    Ok((key.to_owned(), name.to_owned()))
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity() {
        Severity::Warning => "warning",
        Severity::Error => "error",
        // Also a severity that is not known yet.
        _ => "fatal",
    }
}

fn say(sentence: std::fmt::Arguments<'_>) -> anyhow::Result<ExitCode> {
    writeln!(io::stdout(), "{sentence}")?;
    Ok(ExitCode::SUCCESS)
}
