//! The tests' own database servers: whoever tests with them has to be able to rely on them.

use anyhow::{Context as _, Result};
use clusterer_tests::servers::{Access, Kind, Server};
use clusterer_tests::{PATIENCE, program, wait_for};
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a server that stands still is listened to.
const SILENCE: Duration = Duration::from_millis(300);

/// The kinds of which there is a server; a skip for each of the others.
fn kinds(test: &str) -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        kinds.extend(Access::for_test(test, kind)?.map(|access| access.kind()));
    }
    Ok(kinds)
}

#[test]
fn a_database_is_its_tests_own_and_goes_with_it() -> Result<()> {
    for kind in Kind::ALL {
        let test = "servers::a_database_is_its_tests_own_and_goes_with_it";
        let Some(access) = Access::for_test(test, kind)? else { continue };
        let (one, other) = (access.create_database()?, access.create_database()?);
        one.run("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2);")?;
        assert_eq!(one.run("SELECT a FROM t ORDER BY a;")?, "1\n2");
        assert!(other.run("SELECT a FROM t;").is_err(), "{other:?} is another one");

        let connected = Stranger::greeted(&access)?;
        let name = one.name().to_owned();
        drop(one);
        drop(connected);
        assert!(!databases(&access)?.contains(&name));
        assert!(databases(&access)?.contains(&other.name().to_owned()));
    }
    Ok(())
}

#[test]
fn a_killed_server_resets_its_connections_and_is_back_with_its_data() -> Result<()> {
    for kind in kinds("servers::a_killed_server_resets_its_connections_and_is_back_with_its_data")?
    {
        let mut server = Server::start(kind)?;
        let database = server.create_database()?;
        database.run("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1);")?;
        let mut connection = Stranger::greeted(server.access())?;
        server.kill()?;
        connection.wait_closed()?;
        assert_eq!(connect(server.access()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(server.kill().is_err(), "it is dead already");

        server.restart()?;
        assert_eq!(database.run("SELECT a FROM t;")?, "1", "what was committed was written");
    }
    Ok(())
}

#[test]
fn a_stopped_server_accepts_and_is_silent_until_it_goes_on() -> Result<()> {
    for kind in kinds("servers::a_stopped_server_accepts_and_is_silent_until_it_goes_on")? {
        let mut server = Server::start(kind)?;
        let mut old = Stranger::greeted(server.access())?;
        server.stop()?;
        let mut new = Stranger::connect(server.access())?;
        for stranger in [&mut old, &mut new] {
            stranger.ask()?;
            assert!(stranger.is_silent()?);
        }
        server.cont()?;
        new.wait_answer()?;
        old.wait_answer()?;
    }
    Ok(())
}

#[test]
fn a_restarted_server_has_its_data_and_its_address() -> Result<()> {
    for kind in kinds("servers::a_restarted_server_has_its_data_and_its_address")? {
        let mut server = Server::start(kind)?;
        let database = server.create_database()?;
        database.run("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1);")?;
        let url = server.url(database.name());
        let mut connection = Stranger::greeted(server.access())?;
        server.restart()?;
        connection.wait_closed()?;
        assert_eq!(database.run("SELECT a FROM t;")?, "1");
        // Even one that stands still.
        server.stop()?;
        server.restart()?;
        assert_eq!(database.run("SELECT a FROM t;")?, "1");
        assert_eq!(server.url(database.name()), url);
    }
    Ok(())
}

#[test]
fn a_dropped_server_leaves_nothing_behind() -> Result<()> {
    for kind in kinds("servers::a_dropped_server_leaves_nothing_behind")? {
        for before in [|_: &mut Server| Ok(()), Server::stop, Server::kill] {
            let mut server = Server::start(kind)?;
            let (access, directory) = (server.access().clone(), server.socket_dir());
            let memory = shared_memory(&server);
            assert_eq!(memory.is_some(), kind == Kind::Postgres);
            before(&mut server)?;
            drop(server);
            ensure_gone(&access, &directory)?;
            let left = fs::read_to_string("/proc/sysvipc/shm")?;
            let ids = left.lines().filter_map(|line| line.split_whitespace().nth(1));
            assert!(!ids.map(str::to_owned).any(|id| Some(id) == memory), "{left}");
        }
    }
    Ok(())
}

#[test]
fn servers_end_with_who_started_them_even_if_it_is_killed() -> Result<()> {
    let test = "servers::servers_end_with_who_started_them_even_if_it_is_killed";
    if kinds(test)? != Kind::ALL {
        return Ok(());
    }
    let mut chore = Command::new(program("xtask")?)
        .arg("servers")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(chore.stdout.take().context("it has an output")?).lines();
    let mut found = Vec::new();
    for line in lines {
        let line = line?;
        let Some((variable, url)) = line.strip_prefix("export ").and_then(|it| it.split_once('='))
        else {
            continue;
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.variable() == variable);
        let access = Access::parse(kind.context(line.clone())?, url.trim_matches('\''))?;
        let directory = match access.kind() {
            Kind::MariaDb => access.run("SELECT @@datadir;")?,
            Kind::Postgres => access.run("SHOW data_directory;")?,
        };
        found.push((access, directory));
        if found.len() == Kind::ALL.len() {
            break;
        }
    }
    chore.kill()?;
    chore.wait()?;
    assert_eq!(found.len(), Kind::ALL.len());
    for (access, directory) in found {
        let what = format!("{access:?} is gone");
        wait_for(&what, PATIENCE, || ensure_gone(&access, Path::new(&directory)).map(Some))?;
    }
    Ok(())
}

#[test]
fn a_server_that_cannot_start_says_why() -> Result<()> {
    for kind in kinds("servers::a_server_that_cannot_start_says_why")? {
        let mut server = Server::start(kind)?;
        let data = server.socket_dir().with_file_name("data");
        server.kill()?;
        let file = match kind {
            Kind::MariaDb => "ibdata1",
            Kind::Postgres => "global/pg_control",
        };
        fs::write(data.join(file), "not this")?;
        let error = format!("{:#}", server.restart().unwrap_err());
        assert!(error.contains(file), "{error}");
        assert!(error.contains("its log"), "{error}");
    }
    Ok(())
}

#[test]
fn a_machine_without_a_server_is_told_what_installs_it() -> Result<()> {
    // With `id`, but without MariaDB and without apt-get, whoever runs the tests.
    let path = tempfile::tempdir()?;
    let id = ["/usr/bin/id", "/bin/id"].map(Path::new).into_iter().find(|it| it.exists());
    std::os::unix::fs::symlink(id.context("there is `id`")?, path.path().join("id"))?;
    for chore in ["servers", "test"] {
        let mut command = Command::new(program("xtask")?);
        let output = command.arg(chore).env("PATH", path.path()).stdin(Stdio::null()).output()?;
        let error = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("MariaDB"), "{error}");
        assert!(error.contains("sudo apt-get install -y mariadb-server-core"), "{error}");
        assert!(error.contains("--no-servers"), "{error}");
    }
    Ok(())
}

#[test]
fn an_error_names_no_password() -> Result<()> {
    for kind in Kind::ALL {
        let test = "servers::an_error_names_no_password";
        let Some(access) = Access::for_test(test, kind)? else { continue };
        let wrong = access.maintenance_url().replace("p%40", "wrong%40");
        let error = format!("{:#}", Access::parse(kind, &wrong)?.run("SELECT 1;").unwrap_err());
        assert!(error.contains("password") || error.contains("denied"), "{error}");
        assert!(!error.contains("wrong@"), "{error}");
    }
    Ok(())
}

fn databases(access: &Access) -> Result<Vec<String>> {
    let names = access.run(match access.kind() {
        Kind::MariaDb => "SHOW DATABASES;",
        Kind::Postgres => "SELECT datname FROM pg_database;",
    })?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// The id of the piece of shared memory that PostgreSQL has from the system.
fn shared_memory(server: &Server) -> Option<String> {
    let file = server.socket_dir().with_file_name("data").join("postmaster.pid");
    let file = fs::read_to_string(file).ok()?;
    file.lines().nth(6)?.split_whitespace().nth(1).map(str::to_owned)
}

fn ensure_gone(access: &Access, directory: &Path) -> Result<()> {
    anyhow::ensure!(connect(access).is_err(), "{access:?} still listens");
    anyhow::ensure!(!directory.exists(), "{} is still there", directory.display());
    let root = directory.parent().context("it is in a directory")?;
    anyhow::ensure!(!root.exists(), "{} is still there", root.display());
    Ok(())
}

fn connect(access: &Access) -> std::io::Result<TcpStream> {
    TcpStream::connect((access.host(), access.port()))
}

/// A connection on which nobody has logged in.
struct Stranger {
    kind: Kind,
    stream: TcpStream,
}

impl Stranger {
    /// Connects and waits until the server answers, so that it is known to serve this connection.
    fn greeted(access: &Access) -> Result<Self> {
        let mut stranger = Self::connect(access)?;
        if stranger.kind == Kind::Postgres {
            stranger.ask()?;
        }
        stranger.wait_answer()?;
        Ok(stranger)
    }

    fn connect(access: &Access) -> Result<Self> {
        Ok(Self { kind: access.kind(), stream: connect(access)? })
    }

    /// Sends something that is answered: a request for TLS, or nonsense, which is an error.
    fn ask(&mut self) -> Result<()> {
        Ok(self.stream.write_all(match self.kind {
            Kind::MariaDb => &[1, 0, 0, 1, 0],
            Kind::Postgres => &[0, 0, 0, 8, 4, 210, 22, 47],
        })?)
    }

    fn wait_answer(&mut self) -> Result<()> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        anyhow::ensure!(self.stream.read(&mut [0; 256])? > 0, "{:?} has closed it", self.kind);
        Ok(())
    }

    fn is_silent(&mut self) -> Result<bool> {
        self.stream.set_read_timeout(Some(SILENCE))?;
        match self.stream.read(&mut [0; 256]) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads to the end, for which it waits.
    fn wait_closed(&mut self) -> Result<()> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        loop {
            match self.stream.read(&mut [0; 256]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
