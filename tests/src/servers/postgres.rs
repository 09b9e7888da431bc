//! How PostgreSQL is set up, started and asked.

use super::{Access, Kind};
use anyhow::Result;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const SERVER: &str = "postgres";
pub(super) const PROGRAMS: &[&str] = &[SERVER, INITDB, CLIENT];

const INITDB: &str = "initdb";
const CLIENT: &str = "psql";

/// "Fast shutdown": connections are told and closed.
pub(super) const SHUTDOWN: Signal = Signal::INT;
/// "Immediate shutdown": nothing is written any more, but shared memory is given back.
pub(super) const ABORT: Signal = Signal::QUIT;

/// Where Debian keeps its programs, the newest version first.
pub(super) fn directories() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |name: String| name.parse::<u32>().ok();
    let mut versions: Vec<u32> =
        versions.filter_map(|it| it.file_name().into_string().ok().and_then(number)).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let bin = |version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"));
    versions.into_iter().map(bin).collect()
}

/// Fills the empty directory `data`. Segments of 1 MB make it quick to copy.
pub(super) fn initialise(data: &Path, user: &str) -> Result<Command> {
    let mut command = Command::new(Kind::Postgres.program(INITDB)?);
    command.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    command.args(["--wal-segsize=1", "--username", user, "--pgdata"]).arg(data);
    Ok(command)
}

/// Whoever reaches the socket is trusted: it is in a directory that is closed to others.
pub(super) fn configure(data: &Path) -> Result<()> {
    let rules = "local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n";
    fs::write(data.join("pg_hba.conf"), rules)?;
    Ok(())
}

pub(super) fn serve(data: &Path, socket_dir: &Path, access: &Access) -> Result<Command> {
    let mut command = Command::new(Kind::Postgres.program(SERVER)?);
    command.arg("-D").arg(data).arg("-k").arg(socket_dir);
    command.args(["-h", access.host(), "-p", &access.port().to_string()]);
    for setting in [
        "autovacuum=off",
        // Not in /dev/shm, where it would outlive a killed server.
        "dynamic_shared_memory_type=mmap",
        // What was committed survives a killed server all the same, only not a crash of the machine.
        "fsync=off",
        "jit=off",
        "max_wal_senders=0",
        "password_encryption=scram-sha-256",
        "shared_buffers=16MB",
        "wal_level=minimal",
    ] {
        command.args(["-c", setting]);
    }
    Ok(command)
}

/// Gives the superuser its password, over the socket.
pub(super) fn admit(socket_dir: &Path, access: &Access) -> Result<()> {
    let inside = access.over_socket(socket_dir);
    let (user, password) = (access.user(), access.password());
    inside.run(&format!("ALTER ROLE {user} PASSWORD '{password}';"))?;
    Ok(())
}

/// The id of the piece of System V memory that guards the data directory; the system keeps it if the
/// server is killed.
pub(super) fn shared_memory(data: &Path) -> Option<String> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    // The seventh line: key and id.
    file.lines().nth(6)?.split_whitespace().nth(1).map(str::to_owned)
}

/// The client, which reads SQL from its standard input.
pub(super) fn client(access: &Access, database: &str) -> Result<Command> {
    let mut command = Command::new(Kind::Postgres.program(CLIENT)?);
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"]);
    command.args(["--set=ON_ERROR_STOP=1", "--host", access.host()]);
    command.args(["--port", &access.port().to_string(), "--username", access.user()]);
    command.args(["--dbname", database]);
    command.env_clear().env("PGPASSWORD", access.password());
    Ok(command)
}
