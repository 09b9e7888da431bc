//! The command FIFO as a file: how it appears, what it replaces, how it goes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use clusterer_mi::{CommandTable, FifoConfig, FifoError, FifoServer, jsonrpc};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::support::{Bench, Reply, config, make_fifo};
use crate::waiting::{Deadline, LONG, promptly, until};

fn bind(configure: impl FnOnce(&mut FifoConfig)) -> Result<(), FifoError> {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    configure(&mut config);
    let result = FifoServer::bind(config).map(drop);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something is left over");
    result
}

#[test]
fn whatever_is_no_fifo_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mi");
    let refused = || {
        let error = FifoServer::bind(config(dir.path())).unwrap_err();
        assert!(matches!(error, FifoError::NotFifo { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    };
    fs::write(&path, "kept").unwrap();
    refused();
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    fs::remove_file(&path).unwrap();

    make_fifo(&dir.path().join("elsewhere"));
    symlink(dir.path().join("elsewhere"), &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    refused();
}

#[test]
fn a_left_over_fifo_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mi");
    make_fifo(&path);
    let old = fs::metadata(&path).unwrap().ino();
    let server = FifoServer::bind(config(dir.path())).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), old);
    drop(server);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_second_instance_is_refused_and_the_first_goes_on() {
    let bench = Bench::new();
    let error = FifoServer::bind(config(bench.dir.path())).unwrap_err();
    assert!(matches!(error, FifoError::InUse { .. }), "{error}");
    assert_eq!(bench.call("echo", &["1"]), "200 OK\nArg:: 1\n\n");
}

#[test]
fn mode_and_owner_are_set_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let me = fs::metadata(dir.path()).unwrap();
    let mut config = config(dir.path());
    config.mode = 0o622;
    config.user = Some(me.uid().to_string());
    config.group = Some(me.gid().to_string());
    let _server = FifoServer::bind(config).unwrap();
    let made = fs::metadata(dir.path().join("mi")).unwrap();
    assert!(made.file_type().is_fifo());
    assert_eq!(made.permissions().mode() & 0o7777, 0o622);
    assert_eq!((made.uid(), made.gid()), (me.uid(), me.gid()));
}

#[test]
fn start_errors_leave_nothing_behind() {
    let error = bind(|config| config.mode = 0o1777).unwrap_err();
    assert!(matches!(error, FifoError::Mode { mode: 0o1777 }), "{error}");
    let error = bind(|config| config.user = Some("nobody-has-this".into())).unwrap_err();
    assert!(matches!(error, FifoError::UnknownUser { .. }), "{error}");
    let error = bind(|config| config.group = Some("nobody-has-this".into())).unwrap_err();
    assert!(matches!(error, FifoError::UnknownGroup { .. }), "{error}");
    let error = bind(|config| config.path = config.path.join("in/nothing")).unwrap_err();
    assert!(matches!(error, FifoError::Create { .. }), "{error}");
    let error = bind(|config| config.reply_dir.push("missing")).unwrap_err();
    assert!(matches!(error, FifoError::ReplyDir { .. }), "{error}");
    let error = bind(|config| config.reply_dir = "/dev/null".into()).unwrap_err();
    assert!(matches!(error, FifoError::ReplyDir { .. }), "{error}");
    bind(|_| {}).unwrap();
}

#[test]
fn serving_needs_a_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let server = FifoServer::bind(config(dir.path())).unwrap();
    let error = server.serve(Arc::new(CommandTable::new())).unwrap_err();
    assert!(matches!(error, FifoError::NoRuntime), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_deleted_fifo_comes_back() {
    let bench = Bench::with(|config| config.check_interval = Duration::from_millis(10), &[]);
    for _ in 0..3 {
        fs::remove_file(bench.path()).unwrap();
        until("the FIFO is back", || bench.path().exists());
        assert_eq!(bench.call("echo", &["1"]), "200 OK\nArg:: 1\n\n");
    }
}

#[test]
fn a_file_in_the_place_of_a_deleted_fifo_is_left_alone() {
    let mut bench = Bench::with(|config| config.check_interval = Duration::from_millis(10), &[]);
    let writer = bench.writer();
    fs::write(bench.dir.path().join("file"), "kept").unwrap();
    fs::rename(bench.dir.path().join("file"), bench.path()).unwrap();
    // At the end of file, at the latest, the server looks for its FIFO.
    drop(writer);
    thread::sleep(Duration::from_millis(60));
    assert_eq!(fs::read_to_string(bench.path()).unwrap(), "kept");
    fs::remove_file(bench.path()).unwrap();
    until("the FIFO is back", || bench.path().exists());
    assert_eq!(bench.call("echo", &["1"]), "200 OK\nArg:: 1\n\n");

    fs::write(bench.dir.path().join("file"), "kept").unwrap();
    fs::rename(bench.dir.path().join("file"), bench.path()).unwrap();
    bench.stop();
    assert_eq!(fs::read_to_string(bench.path()).unwrap(), "kept");
}

#[test]
fn whoever_finds_the_fifo_finds_a_reader() {
    let bench = Bench::with(|config| config.check_interval = Duration::from_millis(2), &[]);
    let (path, done) = (bench.path(), Arc::new(AtomicBool::new(false)));
    let client = thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let (mut opened, flags) = (0, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC);
            while !done.load(Ordering::Relaxed) {
                match rustix::fs::open(&path, flags, Mode::empty()) {
                    Ok(_) => opened += 1,
                    Err(Errno::NOENT) => {}
                    Err(error) => panic!("{error} after {opened} times"),
                }
            }
            opened
        }
    });
    for _ in 0..20 {
        until("the FIFO is back", || bench.path().exists());
        fs::remove_file(bench.path()).unwrap();
    }
    until("the FIFO is back", || bench.path().exists());
    done.store(true, Ordering::Relaxed);
    assert!(client.join().unwrap() > 20);
}

#[test]
fn shutdown_removes_the_fifo_and_finishes_what_runs() {
    let mut bench = Bench::new();
    let reply = bench.reply();
    bench.write(&format!(":slow:{}\n1\n\n", reply.name));
    let writer = bench.writer();
    until("the request is read", || rustix::io::ioctl_fionread(&writer) == Ok(0));
    bench.stop();
    assert!(!bench.path().exists());
    assert_eq!(reply.read(), "200 OK\n\n");
}

/// A request in the FIFO at the end of its server had no answer, so that its client waited in vain.
#[test]
fn shutdown_answers_what_is_written_but_not_read() {
    // Which of two things that are ready is done first may be left to chance.
    for _ in 0..10 {
        let mut bench = Bench::new();
        let (go, busy) = mpsc::channel::<()>();
        let (on, held) = mpsc::channel();
        bench.runtime.spawn(async move {
            on.send(()).unwrap();
            // The only thread of the runtime, so that nobody reads meanwhile.
            let _ = busy.recv();
        });
        held.recv().unwrap();
        let replies = [bench.reply(), bench.reply()];
        for reply in &replies {
            bench.write(&format!(":note:{}\n1\n\n", reply.name));
        }
        let stopping = bench.handle.take().unwrap().shutdown();
        drop(go);
        bench.runtime.block_on(stopping);
        assert!(!bench.path().exists());
        for reply in &replies {
            assert_eq!(reply.read(), "200 OK\n\n");
        }
    }
}

#[test]
fn shutdown_waits_a_moment_for_who_has_the_fifo_open() {
    promptly(|| {
        let mut bench = Bench::new();
        let reply = bench.reply();
        let mut writer = bench.writer();
        thread::scope(|scope| {
            let deadline = Deadline::begin();
            let stopping = bench.handle.take().unwrap().shutdown();
            scope.spawn(|| bench.runtime.block_on(stopping));
            until("the FIFO is gone", || !bench.path().exists());
            let written = writer.write_all(format!(":note:{}\n1\n\n", reply.name).as_bytes());
            drop(writer);
            deadline.met()?;
            written.unwrap();
            assert_eq!(reply.read(), "200 OK\n\n");
            Ok(())
        })
    });
}

#[test]
fn shutdown_finishes_a_request_whose_answer_nobody_reads_yet() {
    promptly(|| {
        let mut bench = Bench::with(|config| config.reader_wait = LONG, &[]);
        make_fifo(&bench.dir.path().join("later"));
        bench.write(":note:later\n1\n\n");
        let writer = bench.writer();
        until("the request is read", || rustix::io::ioctl_fionread(&writer) == Ok(0));
        drop(writer);
        thread::scope(|scope| {
            let deadline = Deadline::begin();
            let stopping = bench.handle.take().unwrap().shutdown();
            scope.spawn(|| bench.runtime.block_on(stopping));
            until("the FIFO is gone", || !bench.path().exists());
            let reply = Reply::open(bench.dir.path(), "later");
            deadline.met()?;
            assert_eq!(reply.read(), "200 OK\n\n");
            Ok(())
        })
    });
}

/// Its client waited in vain, and nobody counted it.
#[test]
fn shutdown_tells_whose_request_is_cut_off() {
    for writer_stays in [false, true] {
        let mut bench = Bench::with(|config| config.request_timeout = LONG * 100, &[]);
        let reply = bench.reply();
        let mut writer = bench.writer();
        write!(writer, ":{}:{{\"jsonrpc\":\"2.0", reply.name).unwrap();
        let kept = writer_stays.then_some(writer);
        bench.stop();
        assert_eq!(reply.read(), jsonrpc::PARSE_ERROR);
        bench.await_refused(1);
        drop(kept);
    }
    let mut bench = Bench::new();
    let reply = bench.reply();
    let mut writer = bench.writer();
    write!(writer, ":note:{}\n1\n", reply.name).unwrap();
    bench.stop();
    bench.await_refused(1);
    assert_eq!((reply.is_silent(), bench.ran()), (true, vec![]));
}

/// They kept the runtime's thread, on which the end of their time was to be seen.
#[test]
fn shutdown_ends_whoever_goes_on_writing() {
    let mut bench = Bench::new();
    let stop = Arc::new(AtomicBool::new(false));
    let writers = [bench.writer(), bench.writer(), bench.writer()].map(|mut writer| {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            // Reading them takes longer than writing them.
            let lines = b":x\n".repeat(1 << 15);
            // Until nobody reads.
            while !stop.load(Ordering::Relaxed) && writer.write_all(&lines).is_ok() {}
        })
    });
    // So that it is never found empty.
    rustix::pipe::fcntl_setpipe_size(bench.writer(), 1 << 20).unwrap();
    let (over, ended) = mpsc::channel();
    let stopping = bench.handle.take().unwrap().shutdown();
    let server = bench.runtime.spawn(async move {
        stopping.await;
        over.send(()).unwrap();
    });
    let in_time = ended.recv_timeout(LONG);
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }
    in_time.unwrap();
    bench.runtime.block_on(server).unwrap();
}

#[test]
fn dropping_the_handle_stops_the_server() {
    let mut bench = Bench::new();
    drop(bench.handle.take());
    until("the FIFO is gone", || !bench.path().exists());
}

#[test]
fn shutdown_does_not_wait_for_a_command_that_hangs() {
    let mut bench = Bench::new();
    let reply = bench.reply();
    bench.write(&format!(":hang:{}\n\n", reply.name));
    bench.call("echo", &[]);
    bench.stop();
    assert_eq!(reply.read(), "");
}
