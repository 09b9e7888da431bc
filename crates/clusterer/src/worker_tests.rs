//! A module's channel and its worker, without a node around them.

use crate::batch::Batch;
use crate::channel::{Channel, Phase, Proxy};
use crate::clock::Clock;
use crate::log_limit::LogLimit;
use crate::mail_tests::{at, context, log_lines, node, watch_log};
use crate::mailbox::{LIMITS, Limits};
use crate::worker::Worker;
use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_node::{BoxFuture, Moment, UnixTime};
use clusterer_registry::{ClusterModule, Malformed, ModuleEvent, PacketContext};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const COUNT: i32 = 0;
/// The callback says that it is called, and returns when it is let go.
const HOLD: i32 = 1;
const PANIC: i32 = 2;
const MAKE_NO_SENSE: i32 = 3;
/// With something that panics again when it is dropped.
const PANIC_TWICE: i32 = 4;

/// Longer than anything here takes, unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Notes what it is told.
struct Puppet {
    calls: Sender<String>,
    release: Mutex<Receiver<()>>,
    called: AtomicBool,
}

impl ClusterModule for Puppet {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        assert!(!self.called.swap(true, Ordering::SeqCst), "two calls at once");
        let number = packet.body().int()?;
        self.calls.send(format!("{} {number}", context.sender)).unwrap();
        self.called.store(false, Ordering::SeqCst);
        match packet.command {
            HOLD => self.release.lock().unwrap().recv_timeout(PATIENCE).unwrap(),
            PANIC => panic!("told to"),
            PANIC_TWICE => std::panic::panic_any(PanicsWhenDropped),
            MAKE_NO_SENSE => return Err(Malformed::Value("told to")),
            _ => {}
        }
        Ok(())
    }

    fn on_event(&self, event: ModuleEvent) {
        assert!(!self.called.swap(true, Ordering::SeqCst), "two calls at once");
        self.calls.send(format!("{event:?}")).unwrap();
        self.called.store(false, Ordering::SeqCst);
    }
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("told to");
    }
}

/// A module that panics when it is let go.
struct BadEnd(PanicsWhenDropped);

impl ClusterModule for BadEnd {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

#[derive(Default)]
struct Wound(AtomicU64);

impl Clock for Wound {
    fn now(&self) -> Moment {
        at(self.0.load(Ordering::SeqCst))
    }

    fn unix(&self) -> UnixTime {
        UnixTime::ZERO
    }

    fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

struct Bench {
    channel: Arc<Channel>,
    proxy: Proxy,
    clock: Arc<Wound>,
    thread: JoinHandle<()>,
    calls: Receiver<String>,
    release: Sender<()>,
    module: Weak<Puppet>,
    figures: Snapshotter,
}

impl Bench {
    fn new(name: &str, limits: Limits) -> Self {
        watch_log();
        let clock = Arc::new(Wound::default());
        let (calls, noted) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let module = Arc::new(Puppet {
            calls,
            release: Mutex::new(released),
            called: AtomicBool::new(false),
        });
        let recorder = DebuggingRecorder::new();
        let (channel, worker) = metrics::with_local_recorder(&recorder, || {
            let channel = Arc::new(Channel::with_limits(name.into(), clock.clone(), limits));
            let worker =
                Worker::new(channel.clone(), module.clone(), Arc::new(LogLimit::default()));
            (channel, worker)
        });
        Self {
            proxy: Proxy(channel.clone()),
            channel,
            clock,
            thread: thread::spawn(move || worker.run()),
            calls: noted,
            release,
            module: Arc::downgrade(&module),
            figures: recorder.snapshotter(),
        }
    }

    fn put(&self, sender: i32, command: i32, number: i32) {
        put(&self.proxy, self.clock.now(), sender, command, number);
    }

    /// Puts the module into a callback that does not return.
    fn hold(&self) {
        self.put(2, HOLD, -1);
        assert_eq!(self.next(), "2 -1");
    }

    fn release(&self) {
        self.release.send(()).unwrap();
    }

    fn next(&self) -> String {
        self.calls.recv_timeout(PATIENCE).expect("a call")
    }

    /// Ends it; what was recorded, by name and labels.
    fn end(self) -> Vec<(String, DebugValue)> {
        self.channel.close(Phase::Draining);
        self.thread.join().expect("no callback ends the thread");
        let text = |key: &metrics::Key| {
            let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
            format!("{}{}", key.name(), labels.collect::<String>())
        };
        let figures = self.figures.snapshot().into_vec();
        figures.into_iter().map(|(key, _, _, value)| (text(key.key()), value)).collect()
    }
}

fn put(proxy: &Proxy, now: Moment, sender: i32, command: i32, number: i32) {
    let mut writer = PacketWriter::new(Dialect::V22, "m", command, Origin { sender, cluster: 1 });
    writer.int(number);
    let bytes = writer.finish(1).unwrap().to_vec();
    let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
    proxy.on_packet(&context(sender, now), &packet).unwrap();
}

fn counter(figures: &[(String, DebugValue)], name: &str) -> u64 {
    match figures.iter().find(|(other, _)| other == name) {
        Some((_, DebugValue::Counter(count))) => *count,
        _ => panic!("no {name} in {figures:?}"),
    }
}

/// The durations recorded.
fn durations(figures: &[(String, DebugValue)], module: &str) -> Vec<f64> {
    let name = format!("clusterer_module_callback_seconds module={module}");
    match figures.iter().find(|(other, _)| *other == name) {
        Some((_, DebugValue::Histogram(values))) => {
            values.iter().map(|value| value.into_inner()).collect()
        }
        _ => panic!("no {name} in {figures:?}"),
    }
}

#[test]
fn calls_come_one_at_a_time_and_in_order() {
    let bench = Bench::new("order", LIMITS);
    thread::scope(|scope| {
        for sender in 2..5 {
            let proxy = &bench.proxy;
            let numbers = 0..500;
            scope.spawn(move || numbers.for_each(|n| put(proxy, at(0), sender, COUNT, n)));
        }
        for id in 2..5 {
            bench.proxy.on_event(ModuleEvent::TemporarilyDisabled(node(id + 10)));
        }
    });
    let calls: Vec<_> = (0..1_503).map(|_| bench.next()).collect();
    for sender in 2..5 {
        let prefix = format!("{sender} ");
        let numbers = calls.iter().filter_map(|call| call.strip_prefix(&prefix)?.parse().ok());
        assert_eq!(numbers.collect::<Vec<i32>>(), (0..500).collect::<Vec<_>>());
    }
    let figures = bench.end();
    assert_eq!(durations(&figures, "order").len(), 1_503);
}

#[test]
fn a_full_mailbox_drops_packets_counts_them_and_keeps_events() {
    let bench = Bench::new("full", Limits { packets: 3, ..LIMITS });
    bench.hold();
    for number in 0..5 {
        bench.put(2, COUNT, number);
    }
    bench.proxy.on_event(ModuleEvent::Timeout(node(2)));
    bench.clock.0.store(1_000, Ordering::SeqCst);
    bench.put(3, COUNT, 9);
    bench.release();
    for call in ["2 0", "2 1", "2 2"] {
        assert_eq!(bench.next(), call);
    }
    assert!(bench.next().starts_with("Timeout("));
    bench.put(3, COUNT, 10);
    assert_eq!(bench.next(), "3 10", "there is room again");
    assert_eq!(counter(&bench.end(), "clusterer_packets_dropped_total reason=module_busy"), 3);
    let lines = log_lines("full", "does not keep up");
    assert_eq!(lines.len(), 2, "one a second: {lines:?}");
    for (line, dropped) in lines.iter().zip(["dropped=1", "dropped=2"]) {
        assert!(line.contains(dropped), "{line}");
        assert!(line.contains("waiting=3") && !line.contains("in_callback=0ns"), "{line}");
    }
}

#[test]
fn a_callback_that_does_not_return_is_named_before_the_mailbox_is_full() {
    for (waited, lines) in [(999, 0), (1_000, 1)] {
        let name = format!("stuck{waited}");
        let bench = Bench::new(&name, LIMITS);
        bench.hold();
        bench.put(2, COUNT, 0);
        bench.clock.0.store(waited, Ordering::SeqCst);
        bench.put(2, COUNT, 1);
        assert_eq!(log_lines(&name, "does not keep up").len(), lines);
        bench.release();
        bench.end();
    }
}

#[test]
fn a_panic_ends_the_call_only_and_is_counted_by_module() {
    let bench = Bench::new("panics", LIMITS);
    bench.put(2, PANIC, 1);
    bench.put(2, MAKE_NO_SENSE, 2);
    bench.put(2, COUNT, 3);
    assert_eq!([bench.next(), bench.next(), bench.next()], ["2 1", "2 2", "2 3"]);
    let figures = bench.end();
    assert_eq!(counter(&figures, "clusterer_module_panics_total module=panics"), 1);
    assert_eq!(counter(&figures, "clusterer_packets_dropped_total reason=malformed"), 1);
    assert_eq!(durations(&figures, "panics").len(), 3);
    let lines = log_lines("panics", "panicked");
    assert!(lines.len() == 1 && lines[0].contains("on_packet"), "{lines:?}");
    let lines = log_lines("panics", "make no sense");
    assert!(lines.len() == 1 && lines[0].contains("127.0.0.1"), "{lines:?}");
}

#[test]
fn a_panic_whose_payload_panics_ends_the_call_only() {
    let bench = Bench::new("panics_twice", LIMITS);
    bench.put(2, PANIC_TWICE, 1);
    bench.put(2, COUNT, 2);
    assert_eq!([bench.next(), bench.next()], ["2 1", "2 2"]);
    assert_eq!(counter(&bench.end(), "clusterer_module_panics_total module=panics_twice"), 1);
}

#[test]
fn a_module_that_panics_when_it_is_let_go_ends_its_thread_in_order() {
    watch_log();
    let channel = Arc::new(Channel::new("bad_end".into(), Arc::new(Wound::default())));
    let module = Arc::new(BadEnd(PanicsWhenDropped));
    let worker = Worker::new(channel.clone(), module, Arc::new(LogLimit::default()));
    let thread = thread::spawn(move || worker.run());
    channel.close(Phase::Draining);
    assert!(channel.wait(Instant::now() + PATIENCE));
    thread.join().expect("the panic goes no further");
    let lines = log_lines("bad_end", "panicked");
    assert!(lines.len() == 1 && lines[0].contains("drop"), "{lines:?}");
}

#[test]
fn a_slow_callback_is_measured_and_named_once_a_second() {
    let bench = Bench::new("slow", LIMITS);
    for _ in 0..2 {
        bench.hold();
        let other = bench.calls.recv_timeout(Duration::from_millis(101));
        assert!(other.is_err(), "it is in its callback");
        bench.release();
    }
    bench.put(2, COUNT, 0);
    let figures = bench.end();
    let durations = durations(&figures, "slow");
    let slow = durations.iter().filter(|&&seconds| seconds > 0.1);
    assert!(durations.len() == 3 && slow.count() >= 2, "{durations:?}");
    let lines = log_lines("slow", "is slow");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("on_packet"), "{lines:?}");
}

#[test]
fn what_waits_is_done_before_the_end_and_nothing_is_taken_after_it() {
    let bench = Bench::new("drain", LIMITS);
    bench.hold();
    (0..100).for_each(|number| bench.put(2, COUNT, number));
    bench.channel.close(Phase::Draining);
    bench.put(2, COUNT, 100);
    bench.proxy.on_event(ModuleEvent::Timeout(node(2)));
    bench.release();
    assert!(bench.channel.wait(Instant::now() + PATIENCE));
    let calls: Vec<_> = bench.calls.try_iter().collect();
    assert_eq!(calls, (0..100).map(|number| format!("2 {number}")).collect::<Vec<_>>());
    assert!(bench.module.upgrade().is_none(), "the module has been let go");
    bench.end();
}

#[test]
fn a_module_that_does_not_return_is_left_behind_by_name() {
    let bench = Bench::new("left", LIMITS);
    bench.hold();
    (0..7).for_each(|number| bench.put(2, COUNT, number));
    bench.channel.close(Phase::Draining);
    let begin = Instant::now();
    assert!(!bench.channel.wait(begin + Duration::from_millis(50)));
    assert!(begin.elapsed() >= Duration::from_millis(50));
    let lines = log_lines("left", "left behind");
    assert!(lines.len() == 1 && lines[0].contains("packets=7"), "{lines:?}");
    bench.release();
    assert!(bench.channel.wait(Instant::now() + PATIENCE), "it ends by itself later");
    assert_eq!(bench.calls.try_iter().count(), 0, "and calls no more");
}

#[test]
fn a_registration_that_failed_ends_the_thread() {
    let Bench { proxy, thread, module, .. } = Bench::new("refused", LIMITS);
    drop(proxy);
    thread.join().expect("it ends");
    assert!(module.upgrade().is_none());
}

#[test]
fn the_room_of_a_peak_is_given_back_before_the_thread_sleeps() {
    let channel = Channel::with_limits("peak".into(), Arc::new(Wound::default()), LIMITS);
    let mut spare = Batch::default();
    let bytes = crate::mail_tests::packet(2, 60_000);
    let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
    let fill = |batch: &mut Batch| {
        (0..10).for_each(|_| batch.push_packet(context(2, at(0)), &packet));
        batch.clear();
        assert!(batch.is_fat());
    };
    fill(&mut spare);
    channel.with_waiting(fill);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| channel.next(&mut spare));
        let give_up = Instant::now() + PATIENCE;
        while !channel.is_asleep() {
            assert!(Instant::now() < give_up, "it never sleeps");
            thread::yield_now();
        }
        channel.close(Phase::Discarding);
        assert!(!waiter.join().unwrap());
    });
    assert!(!spare.is_fat());
    channel.with_waiting(|batch| assert!(!batch.is_fat()));
}
