//! A server, and clients that send exact bytes.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterer_mi::{
    Args, CommandTable, DatagramAddress, DatagramConfig, DatagramHandle, DatagramServer, MiNode,
    MiReply, Param, Spec, command,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::waiting::LONG;

pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    /// What the commands were called with.
    pub(crate) ran: Ran,
    pub(crate) handle: Option<DatagramHandle>,
    pub(crate) runtime: Runtime,
    /// Lets the command `wait` go on, once.
    pub(crate) gate: Arc<Notify>,
    clients: AtomicU32,
    figures: Snapshotter,
}

type Ran = Arc<Mutex<Vec<String>>>;

/// Which kind of socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Udp,
    Unix,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Udp, Kind::Unix];

impl Bench {
    pub(crate) fn new(kind: Kind) -> Self {
        Self::with(kind, |_| {})
    }

    pub(crate) fn with(kind: Kind, configure: impl FnOnce(&mut DatagramConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (ran, gate) = (Ran::default(), Arc::new(Notify::new()));
        let mut config = match kind {
            Kind::Udp => DatagramConfig::new("udp:127.0.0.1:0".parse().unwrap()),
            Kind::Unix => config(dir.path()),
        };
        configure(&mut config);
        let server = DatagramServer::bind(config).unwrap();
        let recorder = DebuggingRecorder::new();
        let handle = {
            let _guard = runtime.enter();
            let table = || table(&ran, &gate);
            server.serve(metrics::with_local_recorder(&recorder, table)).unwrap()
        };
        let (clients, figures) = (AtomicU32::new(0), recorder.snapshotter());
        Self { dir, ran, handle: Some(handle), runtime, gate, clients, figures }
    }

    pub(crate) fn address(&self) -> &DatagramAddress {
        self.handle.as_ref().unwrap().address()
    }

    pub(crate) fn client(&self) -> Client {
        match self.address() {
            DatagramAddress::Udp(address) => {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(address).unwrap();
                Client::Udp(socket)
            }
            DatagramAddress::Unix(path) => {
                let number = self.clients.fetch_add(1, Ordering::Relaxed);
                let own = self.dir.path().join(format!("client{number}"));
                Client::Unix { socket: UnixDatagram::bind(own).unwrap(), server: path.clone() }
            }
            other => panic!("{other}"),
        }
    }

    /// The reply to a request of a new client.
    pub(crate) fn ask(&self, request: &str) -> String {
        self.client().ask(request)
    }

    /// How many requests more were found to be of no command.
    pub(crate) fn refused(&self) -> u64 {
        refused(&self.figures)
    }

    pub(crate) fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }

    pub(crate) fn stop(&mut self) {
        self.runtime.block_on(self.handle.take().unwrap().shutdown());
    }
}

pub(crate) enum Client {
    Udp(UdpSocket),
    Unix { socket: UnixDatagram, server: PathBuf },
}

impl Client {
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) {
        match self {
            Self::Udp(socket) => socket.send(request.as_ref()).unwrap(),
            Self::Unix { socket, server } => socket.send_to(request.as_ref(), server).unwrap(),
        };
    }

    pub(crate) fn receive(&self) -> String {
        self.receive_within(LONG).expect("no reply")
    }

    /// `None` if there is no reply in that time.
    pub(crate) fn receive_within(&self, limit: Duration) -> Option<String> {
        let mut buffer = vec![0; 1 << 20];
        let received = match self {
            Self::Udp(socket) => {
                socket.set_read_timeout(Some(limit)).unwrap();
                socket.recv(&mut buffer)
            }
            Self::Unix { socket, .. } => {
                socket.set_read_timeout(Some(limit)).unwrap();
                socket.recv(&mut buffer)
            }
        };
        match received {
            Ok(length) => Some(String::from_utf8(buffer[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> String {
        self.send(request);
        self.receive()
    }

    /// Whether the next reply is to what is asked now: so there was none to what was sent before, as
    /// long as requests are quick.
    pub(crate) fn has_no_reply(&self) -> bool {
        self.ask(":echo:\nnext\n") == "200 OK\nArg:: next\n\n"
    }
}

pub(crate) fn config(dir: &Path) -> DatagramConfig {
    DatagramConfig::new(DatagramAddress::Unix(dir.join("mi")))
}

/// `note` records its parameters, `echo` answers them, `big` answers as many bytes as it is told, `slow` records
/// after a while, `wait` once the gate is open, `hang` never answers, `break` panics, `uptime` has no times.
fn table(ran: &Ran, gate: &Arc<Notify>) -> Arc<CommandTable> {
    const VALUE: &[Param] = &[Param::optional("value", "any")];
    let note = |ran: &Ran, name: &str, args: &Args| {
        let values: Vec<&str> = args.iter().map(|arg| arg.value.as_str()).collect();
        ran.lock().unwrap().push([&[name], values.as_slice()].concat().join(" "));
    };
    let spec = |name| Spec::new(name, VALUE, "For tests");
    let (ran1, ran2, ran3) = (Arc::clone(ran), Arc::clone(ran), Arc::clone(ran));
    let gate = Arc::clone(gate);
    let mut table = CommandTable::new();
    for command in [
        command(spec("note"), move |args| {
            note(&ran1, "note", &args);
            async { MiReply::ok() }
        }),
        command(spec("slow"), move |args| {
            let ran = Arc::clone(&ran2);
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                note(&ran, "slow", &args);
                MiReply::ok()
            }
        }),
        command(spec("wait"), move |args| {
            note(&ran3, "wait", &args);
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                MiReply::ok()
            }
        }),
        command(spec("echo"), |args: Args| async move {
            MiReply::ok().with_nodes(args.iter().map(|arg| MiNode::new("Arg", arg.value.as_str())))
        }),
        command(spec("big"), |args: Args| async move {
            let length = args.parsed::<usize>(0).unwrap();
            MiReply::ok().with_node(MiNode::bare("x".repeat(length)))
        }),
        command(spec("hang"), |_| std::future::pending()),
        command(spec("break"), |_| async { panic!("on purpose") }),
        command(Spec::new("uptime", &[], "For tests"), |_| async {
            MiReply::ok().with_nodes(["Now", "Up since", "Up time"].map(|it| MiNode::new(it, "*")))
        }),
    ] {
        table.add(command).unwrap();
    }
    Arc::new(table)
}

/// Adds up what was counted as no request of any command since the last time.
fn refused(figures: &Snapshotter) -> u64 {
    let counted = figures.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let is_other = key.key().labels().any(|label| label.value() == "other");
        match value {
            DebugValue::Counter(count) if is_other => count,
            _ => 0,
        }
    });
    counted.sum()
}
