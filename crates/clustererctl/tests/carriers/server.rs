//! Daemons of which only the command table is real.

use clusterer_mi::{
    Args, CommandTable, JsonAnswer, MiData, MiNode, MiReply, Param, Spec, command, jsonrpc,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

pub(crate) const TOKEN: &str = "correct-horse-battery-staple";

/// A server on a UDP port; dropping it frees the port.
pub(crate) struct Udp {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Udp {
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 65_536];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                if let Some(reply) = answer(&buffer[..length]) {
                    socket.send_to(reply.as_bytes(), from).unwrap();
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn mi(&self) -> String {
        format!("udp:{}", self.address)
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let waker = UdpSocket::bind("127.0.0.1:0").unwrap();
        waker.send_to(b"", self.address).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A server over HTTP that wants [`TOKEN`]; it ends with the test's process.
pub(crate) fn http() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    format!("http://{address}")
}

fn serve(stream: TcpStream) {
    let mut input = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        input.read_line(&mut head).unwrap();
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    input.read_exact(&mut body).unwrap();
    let (status, reply) = if head.contains(&format!("\r\nAuthorization: Bearer {TOKEN}\r\n")) {
        ("200 OK", answer(&body).unwrap())
    } else {
        ("401 Unauthorized", "Give a token.".to_owned())
    };
    let length = reply.len();
    write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{reply}").unwrap();
}

fn answer(request: &[u8]) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(jsonrpc::answer(&stubs(), request)) {
        JsonAnswer::Reply(reply) => Some(reply),
        _ => None,
    }
}

/// `clusterer_list` and `rl_list` answer what ours do, `set` its parameters, `refuse` a 404, `evil` what no
/// terminal should see.
fn stubs() -> CommandTable {
    const SET: &[Param] = &[
        Param::required("cluster_id", "the cluster").int(),
        Param::required("machine_id", "the machine").int().alias("node_id"),
        Param::required("protocol", "its protocol").or("bin"),
    ];
    let list = r#"{"Clusters":[{"cluster_id":1,"Nodes":[
        {"node_id":2,"url":"bin:127.0.0.2:5566","link_state":"Up","state":"enabled","description":"B",
         "status":1,"last_failed_attempt":0,"max_failed_attempts":3,"no_tries":0},
        {"node_id":3,"url":"bin:127.0.0.3:5566","link_state":"Probe","state":"enabled",
         "description":"C","status":2,"last_failed_attempt":1795337501,"max_failed_attempts":3,
         "no_tries":1}]}]}"#;
    let pipes = r#"{"Pipes":[{"id":"gateway","algorithm":"TAILDROP","limit":100,"counter":7}],
        "drop_rate":0}"#;
    let data = |name, json: &str| {
        let data = MiData::parse(json).unwrap();
        command(Spec::new(name, &[], "For tests"), move |_: Args| {
            let reply = MiReply::ok().with_data(data.clone());
            async move { reply }
        })
    };
    let mut table = CommandTable::new();
    let commands = [
        data("clusterer_list", list),
        data("rl_list", pipes),
        data("evil", r#"{"a\u001b[2J":"b\u001b[2J\nc\u202e"}"#),
        command(Spec::new("set", SET, "For tests"), |args: Args| async move {
            let value = |arg: &clusterer_mi::Arg| MiNode::bare(arg.value.as_str());
            MiReply::ok().with_nodes(args.iter().map(value))
        }),
        command(Spec::new("refuse", &[], "For tests"), |_| async {
            MiReply::error(404, "Node id\u{1b}[2J not found")
        }),
    ];
    for command in commands {
        table.add(command).unwrap();
    }
    table
}
