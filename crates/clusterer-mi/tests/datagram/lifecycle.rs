//! The socket: how it appears, what it replaces, how it goes.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::{Arc, mpsc};
use std::thread;

use clusterer_mi::{CommandTable, DatagramAddress, DatagramConfig, DatagramError, DatagramServer};

use crate::support::{Bench, KINDS, Kind, config};
use crate::waiting::{Deadline, LONG, promptly, until};

fn bind(configure: impl FnOnce(&mut DatagramConfig)) -> Result<(), DatagramError> {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    configure(&mut config);
    let result = DatagramServer::bind(config).map(drop);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something is left over");
    result
}

#[test]
fn whatever_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mi");
    let refused = || {
        let error = DatagramServer::bind(config(dir.path())).unwrap_err();
        assert!(matches!(error, DatagramError::NotSocket { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    };
    fs::write(&path, "kept").unwrap();
    refused();
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused();
}

#[test]
fn a_left_over_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mi");
    drop(UnixDatagram::bind(&path).unwrap());
    let left_over = fs::metadata(&path).unwrap().ino();
    let server = DatagramServer::bind(config(dir.path())).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), left_over);
    drop(server);
    drop(UnixListener::bind(&path).unwrap());
    drop(DatagramServer::bind(config(dir.path())).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_socket_in_use_is_refused_and_goes_on() {
    let bench = Bench::new(Kind::Unix);
    let error = DatagramServer::bind(config(bench.dir.path())).unwrap_err();
    assert!(matches!(error, DatagramError::InUse { .. }), "{error}");
    assert_eq!(bench.ask(":echo:"), "200 OK\n\n");

    let other = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(other.path().join("mi")).unwrap();
    let error = DatagramServer::bind(config(other.path())).unwrap_err();
    assert!(matches!(error, DatagramError::InUse { .. }), "{error}");

    let bench = Bench::new(Kind::Udp);
    let error = DatagramServer::bind(DatagramConfig::new(bench.address().clone())).unwrap_err();
    assert!(matches!(error, DatagramError::Bind { .. }), "{error}");
}

#[test]
fn mode_and_owner_are_set_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let me = fs::metadata(dir.path()).unwrap();
    let mut config = config(dir.path());
    config.mode = 0o622;
    config.user = Some(me.uid().to_string());
    config.group = Some(me.gid().to_string());
    let _server = DatagramServer::bind(config).unwrap();
    let made = fs::metadata(dir.path().join("mi")).unwrap();
    assert!(made.file_type().is_socket());
    assert_eq!(made.permissions().mode() & 0o7777, 0o622);
    assert_eq!((made.uid(), made.gid()), (me.uid(), me.gid()));
}

#[test]
fn root_gives_it_away() {
    let dir = tempfile::tempdir().unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let mut config = config(dir.path());
    (config.user, config.group) = (Some("4711".into()), Some("4712".into()));
    match DatagramServer::bind(config) {
        Ok(_server) => {
            assert!(is_root);
            let made = fs::metadata(dir.path().join("mi")).unwrap();
            assert_eq!((made.uid(), made.gid()), (4711, 4712));
            assert_eq!(made.permissions().mode() & 0o7777, 0o660);
        }
        Err(error) => {
            assert!(!is_root && matches!(error, DatagramError::Owner { .. }), "{error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}

#[test]
fn start_errors_leave_nothing_behind() {
    let error = bind(|config| config.mode = 0o1777).unwrap_err();
    assert!(matches!(error, DatagramError::Mode { mode: 0o1777 }), "{error}");
    let error = bind(|config| config.user = Some("nobody-has-this".into())).unwrap_err();
    assert!(matches!(error, DatagramError::UnknownUser { .. }), "{error}");
    let error = bind(|config| config.group = Some("nobody-has-this".into())).unwrap_err();
    assert!(matches!(error, DatagramError::UnknownGroup { .. }), "{error}");
    for name in ["in/nothing", &"x".repeat(120)] {
        let error = bind(|config| {
            let DatagramAddress::Unix(path) = &mut config.address else { panic!("no path") };
            path.set_file_name(name);
        });
        assert!(matches!(error, Err(DatagramError::Create { .. })), "{error:?}");
    }
    bind(|_| {}).unwrap();
}

#[test]
fn what_other_hosts_reach_is_refused_unless_insecure() {
    for address in ["udp:0.0.0.0:0", "udp:[::]:0"] {
        let mut config = DatagramConfig::new(address.parse().unwrap());
        let error = DatagramServer::bind(config.clone()).unwrap_err();
        assert!(matches!(error, DatagramError::Open { .. }), "{error}");
        assert!(error.to_string().contains("insecure"), "{error}");
        config.insecure = true;
        assert!(config.check().is_ok());
    }
    for address in ["udp:127.0.0.1:0", "udp:127.9.9.9:0", "udp:[::1]:0", "udp:[::ffff:127.0.0.1]:0"]
    {
        assert!(DatagramConfig::new(address.parse().unwrap()).check().is_ok(), "{address}");
    }
    let mut config = DatagramConfig::new("udp:0.0.0.0:0".parse().unwrap());
    config.insecure = true;
    DatagramServer::bind(config).unwrap();
}

#[test]
fn serving_needs_a_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let server = DatagramServer::bind(config(dir.path())).unwrap();
    let error = server.serve(Arc::new(CommandTable::new())).unwrap_err();
    assert!(matches!(error, DatagramError::NoRuntime), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn shutdown_removes_the_socket_and_finishes_what_runs() {
    for kind in KINDS {
        let mut bench = Bench::new(kind);
        let address = bench.address().clone();
        let client = bench.client();
        client.send(":slow:\n1\n");
        // Behind it in the queue, so it has been received.
        client.send(":hang:\n");
        assert_eq!(client.receive(), "200 OK\n\n");
        client.send(":slow:\n2\n");
        until("the second one is received", || {
            client.send(":note:\n");
            bench.ran().len() > 2
        });
        bench.stop();
        assert!(bench.ran().contains(&"slow 2".to_owned()));
        match address {
            DatagramAddress::Udp(address) => drop(UdpSocket::bind(address).unwrap()),
            DatagramAddress::Unix(path) => assert!(!path.exists()),
            other => panic!("{other}"),
        }
    }
}

/// A request in the socket at the end of its server had no answer, so that its client waited in vain.
#[test]
fn shutdown_answers_what_has_arrived_but_is_not_read() {
    for kind in KINDS {
        let mut bench = Bench::new(kind);
        let (go, busy) = mpsc::channel::<()>();
        let (on, held) = mpsc::channel();
        bench.runtime.spawn(async move {
            on.send(()).unwrap();
            // The only thread of the runtime, so that nobody reads meanwhile.
            let _ = busy.recv();
        });
        held.recv().unwrap();
        let clients = [bench.client(), bench.client(), bench.client()];
        for client in &clients {
            client.send(":note:\n1\n");
        }
        let stopping = bench.handle.take().unwrap().shutdown();
        drop(go);
        bench.runtime.block_on(stopping);
        for client in &clients {
            assert_eq!(client.receive(), "200 OK\n\n");
        }
    }
}

/// The socket was open and took them, and nobody read.
#[test]
fn shutdown_answers_who_asks_while_others_finish() {
    promptly(|| {
        let mut bench = Bench::new(Kind::Unix);
        let (first, own) = (bench.client(), bench.dir.path().join("connected"));
        first.send(":wait:\n1\n");
        until("it is under way", || bench.ran() == ["wait 1"]);
        // The name is gone by the time it asks.
        let late = UnixDatagram::bind(own).unwrap();
        late.connect(bench.dir.path().join("mi")).unwrap();
        late.set_read_timeout(Some(LONG)).unwrap();
        thread::scope(|scope| {
            let deadline = Deadline::begin();
            let stopping = bench.handle.take().unwrap().shutdown();
            scope.spawn(|| bench.runtime.block_on(stopping));
            until("the socket has no name", || !bench.dir.path().join("mi").exists());
            let sent = late.send(b":note:\n2\n");
            bench.gate.notify_one();
            deadline.met()?;
            sent.unwrap();
            assert_eq!(first.receive(), "200 OK\n\n");
            let mut reply = [0; 100];
            let length = late.recv(&mut reply).unwrap();
            assert_eq!(&reply[..length], b"200 OK\n\n");
            assert_eq!(bench.ran(), ["wait 1", "note 2"]);
            Ok(())
        })
    });
}

#[test]
fn dropping_the_handle_stops_the_server() {
    let mut bench = Bench::new(Kind::Unix);
    drop(bench.handle.take());
    until("the socket is gone", || !bench.dir.path().join("mi").exists());
}

#[test]
fn a_socket_in_the_place_of_ours_is_left_alone() {
    let mut bench = Bench::new(Kind::Unix);
    let path = bench.dir.path().join("mi");
    fs::remove_file(&path).unwrap();
    let other = UnixDatagram::bind(&path).unwrap();
    bench.stop();
    assert!(path.exists());
    drop(other);
}
