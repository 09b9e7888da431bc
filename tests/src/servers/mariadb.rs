//! How MariaDB is set up, started and asked.

use super::account::Account;
use super::{Access, Kind};
use anyhow::Result;
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

pub(super) const SERVER: &str = "mariadbd";
pub(super) const PROGRAMS: &[&str] = &[SERVER, INSTALL, CLIENT];

const INSTALL: &str = "mariadb-install-db";
const CLIENT: &str = "mariadb";

pub(super) const SHUTDOWN: Signal = Signal::TERM;
/// It leaves nothing behind outside its directory.
pub(super) const ABORT: Signal = Signal::KILL;

/// Small files make the directory quick to copy.
const SIZES: &[&str] = &[
    "--innodb-autoextend-increment=1",
    "--innodb-data-file-path=ibdata1:3M:autoextend",
    "--innodb-log-file-size=4M",
];

/// Fills the empty directory `data`. Its `root` is admitted to the socket only.
pub(super) fn initialise(data: &Path, account: &Account) -> Result<Command> {
    let mut command = Command::new(Kind::MariaDb.program(INSTALL)?);
    command.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=socket"]);
    command.arg(option("--auth-root-socket-user=", account.name()));
    command.arg(option("--datadir=", data)).args(SIZES);
    Ok(command)
}

/// `statements` is where the server reads SQL from before it lets anybody in.
pub(super) fn serve(
    data: &Path,
    socket_dir: &Path,
    statements: &Path,
    access: &Access,
) -> Result<Command> {
    let mut command = Command::new(Kind::MariaDb.program(SERVER)?);
    command.arg("--no-defaults").arg(option("--datadir=", data));
    command.arg(option("--socket=", socket_dir.join("mariadb.sock")));
    command.arg(option("--pid-file=", socket_dir.join("mariadb.pid")));
    command.arg(option("--tmpdir=", socket_dir));
    command.arg(option("--init-file=", statements));
    command.arg(format!("--bind-address={}", access.host()));
    command.arg(format!("--port={}", access.port()));
    command.args(SIZES).args([
        "--aria-pagecache-buffer-size=1M",
        "--character-set-server=utf8mb4",
        "--innodb-buffer-pool-size=16M",
        // What was committed survives a killed server all the same, only not a crash of the machine.
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-use-native-aio=0",
        "--key-buffer-size=1M",
        "--performance-schema=0",
        "--skip-log-bin",
        "--skip-name-resolve",
    ]);
    Ok(command)
}

/// What the server reads before it lets anybody in: a user who may do everything.
pub(super) fn admit(access: &Access) -> String {
    let (user, password) = (access.user(), access.password());
    format!(
        "CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION;\n"
    )
}

/// The client, which reads SQL from its standard input.
pub(super) fn client(access: &Access, database: &str) -> Result<Command> {
    let mut command = Command::new(Kind::MariaDb.program(CLIENT)?);
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp"]);
    command.args(["--host", access.host(), "--port", &access.port().to_string()]);
    command.args(["--user", access.user(), "--database", database]);
    command.env_clear().env("MYSQL_PWD", access.password());
    Ok(command)
}

fn option(name: &str, value: impl AsRef<std::ffi::OsStr>) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(value);
    option
}
