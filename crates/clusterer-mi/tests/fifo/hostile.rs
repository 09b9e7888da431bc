//! Requests that are wrong, clients that do not keep their part: the next request is served.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clusterer_mi::{AnswerError, TextAnswer};

use crate::support::{Bench, Reply, make_fifo};
use crate::waiting::{LONG, until};

#[test]
fn a_huge_request_is_refused_and_the_next_one_served() {
    let bench = Bench::new();
    let (huge, next) = (bench.reply(), bench.reply());
    let params = "x\n".repeat(500_000);
    bench.write(&format!(":note:{}\n{params}\n:echo:{}\n1\n\n", huge.name, next.name));
    assert_eq!(huge.read(), "400 parse error in command 'note'\n");
    assert_eq!(next.read(), "200 OK\nArg:: 1\n\n");
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_huge_first_line_is_dropped_and_the_next_request_served() {
    let bench = Bench::new();
    let next = bench.reply();
    let line = "x".repeat(1_000_000);
    bench.write(&format!(":{line}\n1\n\n:echo:{}\n\n", next.name));
    assert_eq!(next.read(), "200 OK\n\n");
}

#[test]
fn a_parse_error_does_not_swallow_the_next_request() {
    let bench = Bench::new();
    let (bad, next) = (bench.reply(), bench.reply());
    bench.write(&format!(":note:{}\n\"\"\n2\n\n:echo:{}\n3\n\n", bad.name, next.name));
    assert_eq!(bad.read(), "400 parse error in command 'note'\n");
    assert_eq!(next.read(), "200 OK\nArg:: 3\n\n");
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn whatever_is_no_request_is_counted_once() {
    let bench = Bench::new();
    let (reply, next) = (bench.reply(), bench.reply());
    // With a reply FIFO and without, in the text form and in JSON.
    bench.write(&format!(
        "no colon\n\n:note:\n\"\"\n2\n\n:note:{}\n\"a\" b\n\n::{{}}\n\n:no such command:\n\n:echo:{}\n3\n\n",
        reply.name, next.name
    ));
    assert_eq!(reply.read(), "400 parse error in command 'note'\n");
    assert_eq!(next.read(), "200 OK\nArg:: 3\n\n");
    bench.await_refused(5);
    for cut in [":note:missing\n1\n", "::{\"a"] {
        bench.write(cut);
        bench.await_refused(1);
    }
    bench.write("\"no colon");
    bench.await_refused(1);
    // What was told before it was cut off is not counted twice.
    bench.write("no colon\n1");
    bench.await_refused(1);
    bench.call_until_served();
    bench.await_refused(0);
}

#[test]
fn a_request_cut_in_half_is_forgotten_when_its_writer_leaves() {
    let bench = Bench::with(|config| config.request_timeout = LONG * 100, &[]);
    // Somebody who writes before the server has seen the first one leave is taken for the rest of its
    // request; `missing` keeps that from running. Inside a quote it would go on for ever.
    for cut in [":note:missing", ":note:missing\n1\n", ":note:\n\"1"] {
        bench.write(cut);
        bench.call_until_served();
    }
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_request_cut_in_half_is_forgotten_in_time_when_its_writer_stays() {
    let bench = Bench::with(|config| config.request_timeout = Duration::from_millis(30), &[]);
    let mut writer = bench.writer();
    writer.write_all(b":note:\n\"1").unwrap();
    bench.call_until_served();
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_request_may_come_in_pieces() {
    let bench = Bench::new();
    let reply = bench.reply();
    let mut writer = bench.writer();
    for byte in format!(":echo:{}\n\"1\n2\"\n\n", reply.name).bytes() {
        writer.write_all(&[byte]).unwrap();
        thread::yield_now();
    }
    assert_eq!(reply.read(), "200 OK\nArg:: 1\\n2\n\n");
}

#[test]
fn reply_names_that_lead_elsewhere_are_refused() {
    let bench = Bench::new();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("sub")).unwrap();
    let sub = Reply::make(&dir.join("sub"), "fifo");
    let dotted = Reply::make(dir, "a.b");
    let back = Reply::make(dir, "a\\b");
    let linked = Reply::make(dir, "linked");
    fs::hard_link(dir.join("linked"), dir.join("second")).unwrap();
    let target = Reply::make(dir, "target");
    symlink(dir.join("target"), dir.join("symlink")).unwrap();
    fs::write(dir.join("file"), "kept").unwrap();

    let names = ["sub/fifo", "../x", "a.b", "a\\b", "linked", "second", "symlink", "file", "sub"];
    for name in names.into_iter().chain(["missing", "/dev/null", "a\0b"]) {
        bench.write(&format!(":note:{name}\n{name}\n\n"));
        bench.call_until_served();
    }
    assert_eq!(bench.ran(), [""; 0]);
    for reply in [sub, dotted, back, linked, target] {
        assert!(reply.is_silent(), "{}", reply.name);
    }
    assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "kept");
    assert!(!dir.join("missing").exists());
}

#[test]
fn a_reply_fifo_that_nobody_reads_keeps_the_command_from_running() {
    // One place only: when the next request is served, the first one was given up.
    let bench = Bench::with(
        |config| {
            config.max_requests = 1;
            config.reader_wait = Duration::from_millis(100);
        },
        &[],
    );
    make_fifo(&bench.dir.path().join("lonely"));
    let next = bench.reply();
    let begin = Instant::now();
    bench.write(&format!(":note:lonely\n\n:echo:{}\n\n", next.name));
    assert_eq!(next.read(), "200 OK\n\n");
    assert!(begin.elapsed() >= Duration::from_millis(100));
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_reader_that_comes_a_little_late_is_served() {
    let bench = Bench::with(|config| config.reader_wait = LONG, &[]);
    make_fifo(&bench.dir.path().join("late"));
    bench.write(":note:late\n1\n\n");
    // Others need not wait for it.
    assert_eq!(bench.call("echo", &[]), "200 OK\n\n");
    assert_eq!(bench.ran(), [""; 0]);
    assert_eq!(fs::read_to_string(bench.dir.path().join("late")).unwrap(), "200 OK\n\n");
    assert_eq!(bench.ran(), ["note 1"]);
}

#[test]
fn a_slow_reader_is_given_up_and_others_do_not_wait_for_it() {
    let bench = Bench::with(|config| config.reply_timeout = Duration::from_millis(300), &[]);
    let slow = bench.reply();
    bench.write(&format!(":big:{}\n\n", slow.name));
    until("the reply begins", || !slow.is_silent());
    assert_eq!(bench.call("echo", &["1"]), "200 OK\nArg:: 1\n\n");
    let mut hung_up = false;
    until("the server gives up", || {
        let mut fds = [rustix::event::PollFd::new(&slow.reader, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&Default::default())).unwrap();
        hung_up = fds[0].revents().contains(rustix::event::PollFlags::HUP);
        hung_up
    });
    assert_eq!(TextAnswer::parse(&slow.read()), Err(AnswerError::CutOff));
}

#[test]
fn a_reply_larger_than_a_fifo_holds_arrives_whole() {
    let bench = Bench::new();
    let answer = TextAnswer::parse(&bench.call("big", &[])).unwrap();
    assert_eq!(answer.lines, vec!["x".repeat(999); 300]);
}

#[test]
fn a_client_that_leaves_without_reading_harms_nobody() {
    let bench = Bench::new();
    let gone = bench.reply();
    bench.write(&format!(":big:{}\n\n", gone.name));
    until("the reply begins", || !gone.is_silent());
    drop(gone);
    assert_eq!(bench.call("echo", &[]), "200 OK\n\n");
}

#[test]
fn many_clients_at_once_get_their_own_replies() {
    let bench = Arc::new(Bench::with(|config| config.max_requests = 3, &[]));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let bench = Arc::clone(&bench);
            thread::spawn(move || {
                for round in 0..25 {
                    let value = format!("{client}-{round}-{}", "x".repeat(client * 400));
                    let expected = format!("200 OK\nArg:: {value}\n\n");
                    assert_eq!(bench.call("echo", &[&value]), expected);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn requests_written_in_a_row_run_in_that_order() {
    let bench = Bench::new();
    let reply = bench.reply();
    bench.write(&format!(":slow:\n1\n\n:note:\n2\n\n:slow\n3\n\n:note:{}\n4\n\n", reply.name));
    assert_eq!(reply.read(), "200 OK\n\n");
    assert_eq!(bench.ran(), ["slow 1", "note 2", "slow 3", "note 4"]);
}

#[test]
fn a_command_that_hangs_is_overtaken_and_given_up() {
    let bench = Bench::with(|config| config.command_timeout = Duration::from_secs(3), &[]);
    let hanging = bench.reply();
    bench.write(&format!(":hang:{}\n\n", hanging.name));
    assert_eq!(bench.call("echo", &["1"]), "200 OK\nArg:: 1\n\n");
    assert!(hanging.is_silent());
    assert_eq!(hanging.read(), "500 command 'hang' failed\n");
}

#[test]
fn a_command_that_panics_has_failed() {
    let bench = Bench::new();
    assert_eq!(bench.call("break", &[]), "500 command 'break' failed\n");
    assert_eq!(bench.call("echo", &["1"]), "200 OK\nArg:: 1\n\n");
}

#[test]
fn writers_that_never_stop_do_not_keep_the_thread_to_themselves() {
    let mut bench = Bench::new();
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let mut writer = bench.writer();
            // Until the server closes its end.
            thread::spawn(move || while writer.write(&[b'x'; 65_536]).is_ok() {})
        })
        .collect();
    for _ in 0..20 {
        let (done, wait) = std::sync::mpsc::channel();
        bench.runtime.spawn(async move { done.send(()) });
        wait.recv_timeout(LONG).unwrap();
    }
    bench.stop();
    for flood in floods {
        flood.join().unwrap();
    }
}

#[test]
fn an_idle_server_sleeps_after_writers_came_and_went() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.write(":note:missing");
        bench.call_until_served();
    }
    let before = run_time(&bench.thread);
    thread::sleep(Duration::from_millis(300));
    let spent = run_time(&bench.thread) - before;
    assert!(spent < Duration::from_millis(60), "{spent:?} of 300 ms");
}

/// How long the thread of that name was on a processor so far.
fn run_time(thread: &str) -> Duration {
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        // Threads of other tests end while we look.
        let Ok(name) = fs::read_to_string(task.join("comm")) else { continue };
        if name.trim() == thread {
            let schedule = fs::read_to_string(task.join("schedstat")).unwrap();
            return Duration::from_nanos(schedule.split(' ').next().unwrap().parse().unwrap());
        }
    }
    panic!("no thread {thread}");
}
