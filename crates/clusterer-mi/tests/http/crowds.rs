//! Many connections at once: whoever has something to say gets in.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clusterer_mi::HttpConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{
    Bench, LONG, VERSION, assert_closed, get, hanging, post, read_answer, wait_until,
};

/// Issue 5, item 8.
#[test]
fn a_thousand_idle_and_a_hundred_slow_connections_stop_no_call() {
    raise_descriptor_limit();
    let bench = Bench::new();
    let mut idle: Vec<_> = (0..1000).map(|_| bench.connect()).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(post(VERSION).as_bytes()).unwrap();
        assert_eq!(read_answer(stream).unwrap().status, 200);
    }
    let slow: Vec<_> = (0..100).map(|number| begun(&bench, number)).collect();
    let since = Instant::now();
    for _ in 0..20 {
        bench.assert_serves();
    }
    let each = since.elapsed() / 20;
    assert!(each < Duration::from_millis(500), "{each:?} a call");
    drop((idle, slow));
}

/// Both ends of each connection are in this process.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// A connection on which a request has begun: half of a head, or of a body.
fn begun(bench: &Bench, number: usize) -> TcpStream {
    let mut stream = bench.connect();
    let request = post(VERSION);
    let length = if number.is_multiple_of(2) { 20 } else { request.len() - 5 };
    stream.write_all(&request.as_bytes()[..length]).unwrap();
    stream
}

#[test]
fn the_limit_is_the_number_of_connections() {
    let bench = Bench::configured(|config| {
        config.max_connections = 8;
        config.header_timeout = LONG * 10;
        config.idle_timeout = LONG * 10;
    });
    let mut all: Vec<_> = (0..8).map(|_| bench.connect()).collect();
    for stream in &mut all {
        stream.write_all(post(VERSION).as_bytes()).unwrap();
        assert_eq!(read_answer(stream).unwrap().status, 200);
        // So that one has been idle longest.
        std::thread::sleep(Duration::from_millis(3));
    }
    // All eight stay, and the first becomes the youngest.
    for stream in all.iter_mut().rev() {
        stream.write_all(post(VERSION).as_bytes()).unwrap();
        assert_eq!(read_answer(stream).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(3));
    }
    // One more: the last, idle longest now, is closed for it.
    bench.assert_serves();
    assert_closed(all.last_mut().unwrap());
    for stream in all.iter_mut().take(7) {
        stream.write_all(post(VERSION).as_bytes()).unwrap();
        assert_eq!(read_answer(stream).unwrap().status, 200);
    }
}

#[test]
fn who_sends_slowly_makes_room_when_nobody_is_idle() {
    let bench = Bench::configured(|config| {
        config.max_connections = 4;
        config.header_timeout = LONG * 10;
        config.body_timeout = LONG * 10;
    });
    let _slow: Vec<_> = (0..20).map(|number| begun(&bench, number)).collect();
    for _ in 0..10 {
        bench.assert_serves();
    }
}

#[test]
fn who_is_being_answered_is_waited_for() {
    let started = Arc::new(AtomicUsize::new(0));
    let configure = |config: &mut HttpConfig| {
        config.max_connections = 2;
        config.command_timeout = Duration::from_millis(500);
    };
    let bench = Bench::with(configure, hanging(&started));
    let mut busy = [bench.connect(), bench.connect()];
    for stream in &mut busy {
        stream.write_all(get("/hang").as_bytes()).unwrap();
    }
    let since = Instant::now();
    wait_until(|| started.load(Ordering::SeqCst) == 2);
    bench.assert_serves();
    assert!(since.elapsed() >= Duration::from_millis(500), "{:?}", since.elapsed());
    for stream in &mut busy {
        assert_eq!(read_answer(stream).unwrap().status, 500);
    }
}
