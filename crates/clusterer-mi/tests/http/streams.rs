//! Server-sent events.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clusterer_mi::{HttpServer, ServerEvent};

use crate::support::{Bench, LONG, get, read_head, wait_until};

/// How many sources run.
type Running = Arc<AtomicUsize>;

struct Counted(Running);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `/events` says hello and then nothing; `/flood` never stops; `/short` ends.
fn streams(running: &Running) -> impl FnOnce(HttpServer) -> HttpServer + use<> {
    let (quiet, flood) = (Arc::clone(running), Arc::clone(running));
    let count = |running: &Running| {
        running.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(running))
    };
    move |server| {
        server
            .stream("/events", move |sender| {
                let counted = count(&quiet);
                async move {
                    let _counted = counted;
                    sender.send(&ServerEvent::new("hello", "1\n2")).unwrap();
                    std::future::pending::<()>().await;
                }
            })
            .stream("/flood", move |sender| {
                let counted = count(&flood);
                async move {
                    let _counted = counted;
                    let event = ServerEvent::new("more", &"x".repeat(10_000));
                    while sender.send(&event).is_ok() {
                        tokio::task::yield_now().await;
                    }
                }
            })
            .stream("/short", |sender| async move {
                let _ = sender.send(&ServerEvent::new("only", "1"));
            })
    }
}

fn open(bench: &Bench, path: &str) -> (TcpStream, u16) {
    let mut stream = bench.connect();
    stream.write_all(get(path).as_bytes()).unwrap();
    let head = read_head(&mut stream).unwrap();
    (stream, head.split(' ').nth(1).unwrap().parse().unwrap())
}

#[test]
fn events_arrive_and_a_source_ends_with_its_client() {
    let running = Running::default();
    let bench = Bench::with(|_| {}, streams(&running));
    let mut stream = bench.connect();
    stream.write_all(get("/events").as_bytes()).unwrap();
    let head = read_head(&mut stream).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
    assert!(head.contains("Cache-Control: no-store\r\n"), "{head}");
    let lines = BufReader::new(&stream).lines().map(Result::unwrap);
    let event: Vec<_> = lines.skip(1).take_while(|line| !line.is_empty()).collect();
    assert_eq!(event, ["event: hello", "data: 1", "data: 2"]);
    assert_eq!(running.load(Ordering::SeqCst), 1);
    drop(stream);
    wait_until(|| running.load(Ordering::SeqCst) == 0);
}

#[test]
fn a_stream_ends_when_its_source_has() {
    let bench = Bench::with(|_| {}, streams(&Running::default()));
    let (mut stream, status) = open(&bench, "/short");
    assert_eq!(status, 200);
    let mut text = Vec::new();
    // The last chunk; the connection is free for more.
    while !text.ends_with(b"\r\n0\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    stream.write_all(get("/healthz").as_bytes()).unwrap();
    assert!(read_head(&mut stream).unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let running = Running::default();
    let bench = Bench::with(|config| config.write_timeout = LONG * 10, streams(&running));
    let (_stream, status) = open(&bench, "/flood");
    assert_eq!(status, 200);
    wait_until(|| running.load(Ordering::SeqCst) == 0);
    bench.assert_serves();
}

#[test]
fn streams_are_limited_and_make_no_room() {
    let running = Running::default();
    let configure = |config: &mut clusterer_mi::HttpConfig| {
        config.max_connections = 4;
        config.max_streams = 100;
    };
    let bench = Bench::with(configure, streams(&running));
    let mut open_streams = vec![open(&bench, "/events"), open(&bench, "/events")];
    assert!(open_streams.iter().all(|(_, status)| *status == 200));
    assert_eq!(open(&bench, "/events").1, 503);
    for _ in 0..20 {
        bench.assert_serves();
    }
    assert_eq!(running.load(Ordering::SeqCst), 2);
    open_streams.pop();
    wait_until(|| running.load(Ordering::SeqCst) == 1);
    assert_eq!(open(&bench, "/events").1, 200);
}

#[test]
fn a_shutdown_ends_streams_also_those_nobody_reads() {
    let running = Running::default();
    let configure = |config: &mut clusterer_mi::HttpConfig| config.write_timeout = LONG * 10;
    let mut bench = Bench::with(configure, streams(&running));
    let open_streams: Vec<_> = (0..20).map(|_| open(&bench, "/events")).collect();
    assert!(open_streams.iter().all(|(_, status)| *status == 200));
    let since = Instant::now();
    bench.shut_down();
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(running.load(Ordering::SeqCst), 0);
    for (mut stream, _) in open_streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    }
}
