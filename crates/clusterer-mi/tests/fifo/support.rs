//! A server in a temporary directory, and a client that writes exact bytes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterer_mi::{
    Args, CommandTable, FifoConfig, FifoHandle, FifoServer, MiCommand, MiNode, MiReply, Param,
    Spec, call, command,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::waiting::{LONG, until};

pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    /// What the commands of [`stubs`] were called with.
    pub(crate) ran: Ran,
    pub(crate) handle: Option<FifoHandle>,
    pub(crate) runtime: Runtime,
    /// The name of the runtime's only worker thread.
    pub(crate) thread: String,
    replies: AtomicU32,
    figures: Snapshotter,
}

pub(crate) type Ran = Arc<Mutex<Vec<String>>>;

impl Bench {
    /// A server with the commands of [`stubs`].
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, &[])
    }

    pub(crate) fn with(
        configure: impl FnOnce(&mut FifoConfig),
        more: &[Arc<dyn MiCommand>],
    ) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let dir = tempfile::tempdir().unwrap();
        let thread = format!("mi-{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(&thread)
            .enable_all()
            .build()
            .unwrap();
        let ran = Ran::default();
        let recorder = DebuggingRecorder::new();
        let mut table = metrics::with_local_recorder(&recorder, CommandTable::new);
        for command in stubs(&ran).iter().chain(more) {
            table.add(Arc::clone(command)).unwrap();
        }
        let mut config = config(dir.path());
        configure(&mut config);
        let server = FifoServer::bind(config).unwrap();
        let handle = {
            let _guard = runtime.enter();
            server.serve(Arc::new(table)).unwrap()
        };
        let (replies, figures) = (AtomicU32::new(0), recorder.snapshotter());
        Self { dir, ran, handle: Some(handle), runtime, thread, replies, figures }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("mi")
    }

    /// A command FIFO opened for writing, as a script's `> fifo` does.
    pub(crate) fn writer(&self) -> File {
        OpenOptions::new().write(true).open(self.path()).unwrap()
    }

    pub(crate) fn write(&self, text: &str) {
        self.writer().write_all(text.as_bytes()).unwrap();
    }

    /// A reply FIFO under a new name.
    pub(crate) fn reply(&self) -> Reply {
        let number = self.replies.fetch_add(1, Ordering::Relaxed);
        Reply::make(self.dir.path(), &format!("reply{number}"))
    }

    /// Writes a request in which `REPLYFIFO` stands for a reply FIFO, and reads the answer.
    pub(crate) fn exchange(&self, request: &str) -> String {
        let reply = self.reply();
        self.write(&request.replace("REPLYFIFO", &reply.name));
        reply.read()
    }

    pub(crate) fn call(&self, command: &str, params: &[&str]) -> String {
        call(&self.path(), self.dir.path(), command, params, LONG).unwrap()
    }

    /// Calls until there is an answer: what is written just after another client left may still be
    /// taken for the rest of that one's request.
    pub(crate) fn call_until_served(&self) {
        until("a request is served", || {
            let patience = Duration::from_millis(200);
            call(&self.path(), self.dir.path(), "echo", &["x"], patience).is_ok()
        });
    }

    /// Waits until as many more requests as that were found to be of no command, and no more.
    pub(crate) fn await_refused(&self, count: u64) {
        let mut refused = 0;
        until("they are counted", || {
            refused += self::refused(&self.figures);
            refused >= count
        });
        assert_eq!(refused, count);
    }

    pub(crate) fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }

    pub(crate) fn stop(&mut self) {
        self.runtime.block_on(self.handle.take().unwrap().shutdown());
    }
}

pub(crate) fn config(dir: &Path) -> FifoConfig {
    let mut config = FifoConfig::new(dir.join("mi"));
    config.reply_dir = dir.to_owned();
    config
}

/// `note` records its parameters, `echo` answers them, `big` answers more than a FIFO holds, `slow`
/// records after a while, `hang` never answers, `break` panics.
pub(crate) fn stubs(ran: &Ran) -> Vec<Arc<dyn MiCommand>> {
    let note = |ran: &Ran, name: &str, args: &Args| {
        let values: Vec<&str> = args.iter().map(|arg| arg.value.as_str()).collect();
        ran.lock().unwrap().push([&[name], values.as_slice()].concat().join(" "));
    };
    let (ran1, ran2) = (Arc::clone(ran), Arc::clone(ran));
    let doc = "For tests";
    const VALUE: &[Param] = &[Param::optional("value", "any")];
    vec![
        command(Spec::new("note", VALUE, doc), move |args| {
            note(&ran1, "note", &args);
            async { MiReply::ok() }
        }),
        command(Spec::new("slow", &[], doc), move |args| {
            let ran = Arc::clone(&ran2);
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                note(&ran, "slow", &args);
                MiReply::ok()
            }
        }),
        command(Spec::new("echo", VALUE, doc), |args: Args| async move {
            MiReply::ok().with_nodes(args.iter().map(|arg| MiNode::new("Arg", arg.value.as_str())))
        }),
        command(Spec::new("big", &[], doc), |_| async {
            let line = "x".repeat(999);
            MiReply::ok().with_nodes((0..300).map(|_| MiNode::bare(line.as_str())))
        }),
        command(Spec::new("hang", &[], doc), |_| std::future::pending()),
        command(Spec::new("break", &[], doc), |_| async { panic!("on purpose") }),
    ]
}

/// A reply FIFO with its read end open.
pub(crate) struct Reply {
    pub(crate) name: String,
    pub(crate) reader: OwnedFd,
}

impl Reply {
    pub(crate) fn make(dir: &Path, name: &str) -> Self {
        make_fifo(&dir.join(name));
        Self::open(dir, name)
    }

    /// Of a FIFO that exists.
    pub(crate) fn open(dir: &Path, name: &str) -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let reader = rustix::fs::open(dir.join(name), flags, Mode::empty()).unwrap();
        Self { name: name.to_owned(), reader }
    }

    /// What is written up to the end of file.
    pub(crate) fn read(&self) -> String {
        let mut bytes = Vec::new();
        let mut buffer = [0; 65_536];
        loop {
            let limit = rustix::event::Timespec::try_from(LONG).unwrap();
            let ready = poll(&mut [PollFd::new(&self.reader, PollFlags::IN)], Some(&limit));
            assert_eq!(ready, Ok(1), "no reply in {}", self.name);
            match rustix::io::read(&self.reader, &mut buffer) {
                Ok(0) => return String::from_utf8(bytes).unwrap(),
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(rustix::io::Errno::AGAIN) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whether anything was written so far.
    pub(crate) fn is_silent(&self) -> bool {
        poll(&mut [PollFd::new(&self.reader, PollFlags::IN)], Some(&Default::default())) == Ok(0)
    }
}

pub(crate) fn make_fifo(path: &Path) {
    rustix::fs::mkfifoat(CWD, path, Mode::from_raw_mode(0o600)).unwrap();
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
