//! A server on a free port, and a client that writes exact bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clusterer_mi::{
    CommandTable, HttpConfig, HttpHandle, HttpResponse, HttpServer, MiReply, Spec, command,
};
use tokio::runtime::{Builder, Runtime};

/// Longer than anything takes on a busy machine; only a failing test waits this long.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const TOKEN: &str = "0123456789abcdef";

pub(crate) const VERSION: &str = r#"{"jsonrpc":"2.0","method":"version","id":1}"#;

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Option<HttpHandle>,
    pub(crate) runtime: Runtime,
}

impl Bench {
    /// A server with the commands of [`table`].
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |server| server)
    }

    pub(crate) fn configured(configure: impl FnOnce(&mut HttpConfig)) -> Self {
        Self::with(configure, |server| server)
    }

    pub(crate) fn with(
        configure: impl FnOnce(&mut HttpConfig),
        mount: impl FnOnce(HttpServer) -> HttpServer,
    ) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut config = HttpConfig::new(([127, 0, 0, 1], 0).into());
        configure(&mut config);
        let server = HttpServer::bind(config).unwrap().commands(table());
        let handle = {
            let _guard = runtime.enter();
            mount(server).serve().unwrap()
        };
        let address = SocketAddr::from(([127, 0, 0, 1], handle.local_address().port()));
        Self { address, handle: Some(handle), runtime }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Sends this on a connection of its own and reads one answer.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).unwrap();
        read_answer(&mut stream).expect("an answer")
    }

    /// Sends what may be no request, and everything that comes back until the server closes.
    pub(crate) fn throw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // The server may have had enough before all is sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut received = Vec::new();
        match stream.read_to_end(&mut received) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("neither answered nor closed: {:?}", String::from_utf8_lossy(bytes))
            }
            _ => received,
        }
    }

    pub(crate) fn call(&self, json: &str) -> Answer {
        self.ask(post(json))
    }

    /// Fails if a command is not run.
    pub(crate) fn assert_serves(&self) {
        let answer = self.call(VERSION);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.starts_with(r#"{"jsonrpc":"2.0","result":"#), "{answer:?}");
    }

    pub(crate) fn shut_down(&mut self) {
        let handle = self.handle.take().unwrap();
        self.runtime.block_on(handle.shutdown());
    }
}

/// `version`, `uptime`; `panic`, `hang` and `big`, which answers with a megabyte.
pub(crate) fn table() -> Arc<CommandTable> {
    let mut table = CommandTable::new();
    table.add(clusterer_mi::version("test", "1")).unwrap();
    table.add(clusterer_mi::uptime()).unwrap();
    let panics = command(Spec::new("panic", &[], ""), |_| async { panic!("on purpose") });
    table.add(panics).unwrap();
    let hangs = command(Spec::new("hang", &[], ""), |_| std::future::pending::<MiReply>());
    table.add(hangs).unwrap();
    let big = command(Spec::new("big", &[], ""), |_| async {
        MiReply::ok().with_node(clusterer_mi::MiNode::new("Big", "x".repeat(1 << 20)))
    });
    table.add(big).unwrap();
    Arc::new(table)
}

pub(crate) fn hello() -> impl Future<Output = HttpResponse> + Send {
    std::future::ready(HttpResponse::text(200, "hello"))
}

/// `/hang`, which never answers, and how often it was asked.
pub(crate) fn hanging(started: &Arc<AtomicUsize>) -> impl FnOnce(HttpServer) -> HttpServer + use<> {
    let started = Arc::clone(started);
    |server| {
        server.get("/hang", move || {
            started.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
    }
}

pub(crate) fn post(json: &str) -> String {
    post_with(json, "Content-Type: application/json\r\n")
}

pub(crate) fn post_with(json: &str, headers: &str) -> String {
    let length = json.len();
    format!(
        "POST /mi HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{json}"
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines of the head.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Reads one answer that has a length; `None` if the server closes before.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let head = read_head(stream)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: String::new() };
    let length = answer.header("content-length").expect("a length").parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    Some(answer)
}

/// The lines before the empty one; `None` if the server closes instead.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => {
                assert!(head.is_empty(), "cut off in the head");
                return None;
            }
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{error}"),
        }
    }
    Some(String::from_utf8(head).unwrap())
}

/// Waits until the server closes; fails if it says anything.
pub(crate) fn assert_closed(stream: &mut TcpStream) {
    assert_eq!(read_head(stream), None);
}

pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < LONG, "not within {LONG:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
