//! How connections and the server end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clusterer_mi::{HttpConfig, HttpResponse};

use crate::support::{
    Bench, LONG, VERSION, assert_closed, get, hanging, post, read_answer, read_head, wait_until,
};

#[test]
fn a_connection_serves_several_requests_also_ahead() {
    let bench = Bench::new();
    let mut stream = bench.connect();
    for _ in 0..3 {
        stream.write_all(post(VERSION).as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream).unwrap().status, 200);
    }
    let ahead = format!("{}{}{}", post(VERSION), get("/healthz"), get("/none"));
    stream.write_all(ahead.as_bytes()).unwrap();
    let statuses = [(); 3].map(|()| read_answer(&mut stream).unwrap().status);
    assert_eq!(statuses, [200, 200, 404]);
}

#[test]
fn a_client_that_has_closed_its_half_is_answered() {
    let bench = Bench::configured(|config| config.command_timeout = Duration::from_millis(300));
    let mut stream = bench.connect();
    stream.write_all(post(r#"{"jsonrpc":"2.0","method":"hang","id":1}"#).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 200);
    assert_closed(&mut stream);
}

#[test]
fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let idle = Duration::from_secs(2);
    let bench = Bench::configured(|config| {
        config.idle_timeout = idle;
        config.header_timeout = LONG;
    });
    let mut stream = bench.connect();
    for _ in 0..2 {
        stream.write_all(post(VERSION).as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream).unwrap().status, 200);
        std::thread::sleep(idle / 8);
    }
    let since = Instant::now();
    assert_closed(&mut stream);
    assert!(since.elapsed() >= idle / 4, "{:?}", since.elapsed());
}

#[test]
fn a_connection_on_which_nothing_comes_is_closed() {
    let bench = Bench::configured(|config| config.header_timeout = Duration::from_millis(200));
    assert_closed(&mut bench.connect());
}

#[test]
fn a_head_that_does_not_end_is_answered_408() {
    let limit = Duration::from_millis(500);
    let bench = Bench::configured(|config| config.header_timeout = limit);
    // One that comes byte by byte, so that something is always under way.
    let mut slow = bench.connect();
    let since = Instant::now();
    let mut writer = slow.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        while since.elapsed() < LONG && writer.write_all(b"G").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let answer = read_answer(&mut slow).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(since.elapsed() >= limit, "{:?}", since.elapsed());
    drop(slow);
    dripping.join().unwrap();
    bench.assert_serves();
}

#[test]
fn a_head_that_ends_in_time_is_answered() {
    let bench = Bench::configured(|config| config.header_timeout = Duration::from_secs(5));
    let mut stream = bench.connect();
    for part in post(VERSION).as_bytes().chunks(10) {
        stream.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(read_answer(&mut stream).unwrap().status, 200);
}

#[test]
fn a_body_that_does_not_end_is_answered_408() {
    let bench = Bench::configured(|config| config.body_timeout = Duration::from_millis(200));
    let request = post(VERSION);
    let answer = bench.ask(&request[..request.len() - 1]);
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    bench.assert_serves();
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    let bench = Bench::configured(|config| {
        config.write_timeout = Duration::from_millis(200);
        config.idle_timeout = LONG * 10;
    });
    let mut stream = bench.connect();
    let big = post(r#"{"jsonrpc":"2.0","method":"big","id":1}"#);
    // More than the buffers of both ends take.
    let mut sent = 0;
    while sent < 200 && stream.write_all(big.as_bytes()).is_ok() {
        sent += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut received = 0;
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        received += length;
    }
    assert!(received < sent << 20, "{received} of {sent} MiB");
    bench.assert_serves();
}

/// An answer that is still on its way is no idle connection.
#[test]
fn a_client_that_reads_slowly_gets_a_long_answer_whole() {
    const LENGTH: usize = 32 << 20;
    let configure = |config: &mut HttpConfig| config.idle_timeout = Duration::from_millis(500);
    let bench = Bench::with(configure, |server| {
        server.asset("/long", HttpResponse::new("text/plain", vec![b'x'; LENGTH]))
    });
    let mut stream = bench.connect();
    stream.write_all(get("/long").as_bytes()).unwrap();
    assert!(read_head(&mut stream).unwrap().starts_with("HTTP/1.1 200"));
    let mut part = vec![0; 1 << 20];
    for read in 0..LENGTH / part.len() {
        std::thread::sleep(Duration::from_millis(40));
        assert!(stream.read_exact(&mut part).is_ok(), "cut off after {read} MiB");
    }
}

#[test]
fn a_shutdown_closes_what_is_idle_and_answers_what_is_under_way() {
    let started = Arc::new(AtomicUsize::new(0));
    let configure = |config: &mut HttpConfig| config.command_timeout = Duration::from_millis(400);
    let mut bench = Bench::with(configure, hanging(&started));
    let mut idle = bench.connect();
    idle.write_all(post(VERSION).as_bytes()).unwrap();
    assert_eq!(read_answer(&mut idle).unwrap().status, 200);
    let mut fresh = bench.connect();
    let mut busy = bench.connect();
    busy.write_all(get("/hang").as_bytes()).unwrap();
    wait_until(|| started.load(Ordering::SeqCst) == 1);
    let since = Instant::now();
    bench.shut_down();
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_closed(&mut idle);
    assert_closed(&mut fresh);
    let answer = read_answer(&mut busy).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (500, Some("close")));
    assert!(TcpStream::connect(bench.address).is_err());
}

#[test]
fn a_shutdown_waits_for_nobody_for_ever() {
    let mut bench = Bench::new();
    let mut slow = bench.connect();
    slow.write_all(b"POST /mi HTTP/1.1\r\n").unwrap();
    let mut hanging = bench.connect();
    hanging.write_all(post(r#"{"jsonrpc":"2.0","method":"hang","id":1}"#).as_bytes()).unwrap();
    bench.assert_serves();
    let since = Instant::now();
    bench.shut_down();
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[test]
fn dropping_the_handle_ends_the_server() {
    let mut bench = Bench::new();
    let mut idle = bench.connect();
    idle.write_all(post(VERSION).as_bytes()).unwrap();
    assert_eq!(read_answer(&mut idle).unwrap().status, 200);
    bench.handle = None;
    assert_closed(&mut idle);
}
