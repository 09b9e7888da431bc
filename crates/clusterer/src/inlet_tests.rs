//! A connection's packets, from the bytes to the module, without a socket or a thread.

use crate::gateway::Gateway;
use crate::inbox::Inbox;
use crate::inlet::Inlet;
use crate::workers::Workers;
use crate::{CALLBACK_SECONDS, Registration, SystemClock};
use arc_swap::ArcSwap;
use clusterer_bin::{Dialect, Framer, Origin, Packet, PacketWriter};
use clusterer_core::{Admission, Core, Input, Settings, ping};
use clusterer_net::{Packets, Receiver, Reply, Source, Trust};
use clusterer_node::{
    Cell, ClusterId, MachineId, Moment, Now, RawRow, ResolvedRow, Row, Table, UnixTime,
};
use clusterer_registry::{
    ClusterModule, Delivery, Malformed, ModuleEvent, PacketContext, Run, Verdict,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const COUNT: i32 = 0;
const PANIC: i32 = 1;
const MAKE_NO_SENSE: i32 = 2;
/// Does what the test wants done during a call.
const MEANWHILE: i32 = 3;

const T: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Notes {
    calls: Mutex<Vec<String>>,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Notes {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl ClusterModule for Notes {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let number = packet.body().int()?;
        match packet.command {
            PANIC => panic!("told to"),
            MAKE_NO_SENSE => return Err(Malformed::Value("told to")),
            MEANWHILE => self.meanwhile.lock().unwrap().take().unwrap()(),
            _ => {}
        }
        self.note(format!("{} {number}", context.sender));
        Ok(())
    }

    fn on_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        self.note("run".into());
        while let Some(packet) = run.next() {
            if let Err(error) = self.on_packet(context, packet) {
                run.malformed(&error);
            }
        }
    }

    fn on_event(&self, event: ModuleEvent) {
        self.note(format!("{event:?}"));
    }

    fn delivery(&self) -> Delivery {
        Delivery::Inline
    }
}

/// Takes one packet a call, and notes it.
struct First(Arc<Notes>);

impl ClusterModule for First {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        self.0.on_packet(context, packet)
    }

    fn on_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        if let Some(packet) = run.next() {
            let _ = self.on_packet(context, packet);
        }
    }

    fn on_event(&self, _: ModuleEvent) {}

    fn delivery(&self) -> Delivery {
        Delivery::Inline
    }
}

fn ip(last: u8) -> IpAddr {
    [127, 0, 0, last].into()
}

/// Machines 1 to 3 in cluster 1, each at its address.
fn table() -> Table {
    let row = |machine: u8| {
        let raw = RawRow {
            id: Cell::Int(machine.into()),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(machine.into()),
            url: Cell::Text(format!("bin:127.0.0.{machine}")),
            ..RawRow::default()
        };
        let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
        ResolvedRow { row, ip: ip(machine) }
    };
    Table::build(MachineId::new(1).unwrap(), (1..4).map(row).collect()).0
}

/// Node 1, and the connections to it.
struct Bench {
    core: Arc<Mutex<Core>>,
    workers: Workers,
    gateway: Arc<Gateway>,
    figures: Snapshotter,
    recorder: DebuggingRecorder,
}

impl Bench {
    fn new() -> Self {
        let mut core = Core::new(MachineId::new(1).unwrap(), Settings::default(), 0);
        core.handle(now(0), Input::Loaded(table()), &mut Vec::new());
        let view = Arc::new(ArcSwap::from_pointee(core.take_view().unwrap()));
        let recorder = DebuggingRecorder::new();
        let make = || Arc::new(Gateway::new(view, Arc::new(Inbox::default())));
        let gateway = metrics::with_local_recorder(&recorder, make);
        let workers = Workers::new(Arc::new(SystemClock::new()));
        let (core, figures) = (Arc::new(Mutex::new(core)), recorder.snapshotter());
        Self { core, workers, gateway, figures, recorder }
    }

    fn with(modules: &[(&str, &Arc<Notes>)]) -> Self {
        let bench = Self::new();
        for &(name, notes) in modules {
            bench.register(name, notes.clone());
        }
        bench
    }

    fn register(&self, name: &str, module: Arc<dyn ClusterModule>) {
        let registration = Registration::new(name, ClusterId::new(1), T).auth_check(true);
        let open = || self.workers.open(&registration, module).unwrap();
        let module = metrics::with_local_recorder(&self.recorder, open);
        self.core.lock().unwrap().register(now(0), registration, module).unwrap();
        self.publish();
    }

    fn publish(&self) {
        let view = self.core.lock().unwrap().take_view().unwrap();
        self.gateway.view.store(Arc::new(view));
    }

    fn inlet(&self, host: u8) -> Inlet {
        let (peer, local) = ((ip(host), 9).into(), (ip(1), 1).into());
        Inlet::new(self.gateway.clone(), Source::new(peer, local, None, Dialect::V22))
    }

    /// What was recorded since the last time, by name and label.
    fn figures(&self) -> Vec<(String, String, DebugValue)> {
        let figures = self.figures.snapshot().into_vec().into_iter();
        let text = |(key, _, _, value): (metrics_util::CompositeKey, _, _, _)| {
            let label = key.key().labels().next().map(|label| label.value().to_owned());
            (key.key().name().to_owned(), label.unwrap_or_default(), value)
        };
        figures.map(text).collect()
    }

    fn dropped(&self, reason: &str) -> u64 {
        figure(&self.figures(), "clusterer_packets_dropped_total", reason)
    }
}

/// How often something was counted, or how many durations were recorded.
fn figure(figures: &[(String, String, DebugValue)], name: &str, label: &str) -> u64 {
    match figures.iter().find(|it| it.0 == name && it.1 == label) {
        Some((_, _, DebugValue::Counter(count))) => *count,
        Some((_, _, DebugValue::Histogram(values))) => values.len() as u64,
        _ => panic!("no {name} {label} in {figures:?}"),
    }
}

fn now(millis: u64) -> Now {
    Now { mono: Moment::from_millis(millis), unix: UnixTime::ZERO }
}

fn feed(inlet: &mut Inlet, millis: u64, bytes: &[u8]) -> Trust {
    let mut packets = Packets::new(Framer::new(Dialect::V22), bytes);
    let trust = inlet.packets(
        &mut packets,
        Moment::from_millis(millis),
        &mut Reply::new(&mut |_| panic!("nobody pings")),
    );
    assert!(packets.next().is_none(), "all was taken");
    trust
}

fn packet(module: &str, sender: i32, command: i32, number: i32) -> Vec<u8> {
    let mut writer =
        PacketWriter::new(Dialect::V22, module, command, Origin { sender, cluster: 1 });
    writer.int(number);
    writer.finish(2).unwrap().to_vec()
}

/// Its header says that the module's name is longer than the packet.
fn unreadable() -> Vec<u8> {
    let mut bytes = packet("m", 2, COUNT, 0);
    bytes[12] = 200;
    bytes
}

#[test]
fn packets_that_go_the_same_way_are_one_call() {
    let (m, n) = (Arc::<Notes>::default(), Arc::<Notes>::default());
    let bench = Bench::with(&[("m", &m), ("n", &n)]);
    let mut inlet = bench.inlet(2);
    let stream = [
        packet("m", 2, COUNT, 1),
        packet("m", 2, COUNT, 2),
        packet("n", 2, COUNT, 3),
        unreadable(),
        packet("m", 3, COUNT, 4),
        packet("m", 2, COUNT, 5),
    ];
    assert_eq!(feed(&mut inlet, 0, &stream.concat()), Trust::Known);
    assert_eq!(m.take(), ["run", "2 1", "2 2", "run", "2 5"]);
    assert_eq!(n.take(), ["run", "2 3"]);
    // What is looked at starts again at zero: all of it.
    let figures = bench.figures();
    assert_eq!(figure(&figures, "clusterer_packets_dropped_total", "auth"), 1, "not its address");
    assert_eq!(figure(&figures, CALLBACK_SECONDS, "m"), 2);
}

#[test]
fn a_panic_costs_the_packet_that_it_was_about() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let commands = [COUNT, PANIC, COUNT, PANIC, PANIC, COUNT];
    let packets: Vec<_> =
        (0..).zip(commands).map(|(n, command)| packet("m", 2, command, n)).collect();
    feed(&mut bench.inlet(2), 0, &packets.concat());
    let numbers: Vec<_> = m.take().into_iter().filter(|call| call != "run").collect();
    assert_eq!(numbers, ["2 0", "2 2", "2 5"]);
    assert_eq!(figure(&bench.figures(), "clusterer_module_panics_total", "m"), 3);
}

#[test]
fn a_module_that_panics_all_the_time_holds_up_nobody() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let packets: Vec<_> = (0..40).map(|n| packet("m", 2, PANIC, n)).collect();
    feed(&mut bench.inlet(2), 0, &packets.concat());
    let figures = bench.figures();
    assert_eq!(figure(&figures, "clusterer_module_panics_total", "m"), 16);
    let dropped = figure(&figures, "clusterer_packets_dropped_total", "malformed");
    assert_eq!(dropped, 40 - 16, "what was left when it had panicked often");
}

#[test]
fn packets_that_make_no_sense_are_counted_and_those_behind_them_taken() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let commands = [MAKE_NO_SENSE, COUNT, MAKE_NO_SENSE];
    let packets: Vec<_> =
        (0..).zip(commands).map(|(n, command)| packet("m", 2, command, n)).collect();
    feed(&mut bench.inlet(2), 0, &packets.concat());
    assert_eq!(m.take(), ["run", "2 1"]);
    assert_eq!(bench.dropped("malformed"), 2);
}

#[test]
fn what_a_module_does_not_take_is_not_delivered() {
    let m = Arc::<Notes>::default();
    let bench = Bench::new();
    bench.register("m", Arc::new(First(m.clone())));
    let packets: Vec<_> = (0..3).map(|n| packet("m", 2, COUNT, n)).collect();
    feed(&mut bench.inlet(2), 0, &packets.concat());
    assert_eq!(m.take(), ["2 0"]);
}

#[test]
fn a_node_that_times_out_during_a_call_times_out_once_more_after_it() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let core = bench.core.clone();
    *m.meanwhile.lock().unwrap() = Some(Box::new(move || {
        // The control thread, as it carries out what a core wants.
        let (mut actions, mut core) = (Vec::new(), core.lock().unwrap());
        core.handle(now(101), Input::Tick, &mut actions);
        core.handle(now(101), Input::Drained { behind: None }, &mut actions);
        for action in actions {
            if let clusterer_core::Action::Notify(notice) = action {
                notice.module.on_event(notice.event);
            }
        }
    }));
    let stream = [packet("m", 2, MEANWHILE, 1), packet("m", 2, COUNT, 2)].concat();
    let mut inlet = bench.inlet(2);
    feed(&mut inlet, 0, &stream);
    let timeout = |id| format!("Timeout({:?})", crate::mail_tests::node(id));
    let calls = m.take();
    let expected = ["run", &timeout(2), &timeout(3), "2 1", "2 2", &timeout(2)];
    assert_eq!(calls, expected);

    feed(&mut inlet, 102, &stream);
    let disabled = format!("TemporarilyDisabled({:?})", crate::mail_tests::node(2));
    assert_eq!(m.take(), [disabled], "told once for both");
    assert_eq!(bench.dropped("temporarily_disabled"), 2);
}

#[test]
fn once_the_node_has_ended_nothing_more_is_called_and_the_module_is_let_go() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let mut inlet = bench.inlet(2);
    feed(&mut inlet, 0, &packet("m", 2, COUNT, 1));
    bench.workers.finish(Instant::now());
    feed(&mut inlet, 0, &packet("m", 2, COUNT, 2));
    assert_eq!(m.take(), ["run", "2 1"]);
    assert_eq!(Arc::strong_count(&m), 1);
}

#[test]
fn a_silent_connection_remembers_nothing_of_former_nodes() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let mut inlet = bench.inlet(2);
    feed(&mut inlet, 0, &packet("m", 2, COUNT, 1));
    let remembers = |inlet: &Inlet| format!("{inlet:?}").contains("Route(");
    assert!(remembers(&inlet));
    inlet.forget();
    assert!(!remembers(&inlet));
    feed(&mut inlet, 0, &packet("m", 2, COUNT, 2));
    assert_eq!(m.take(), ["run", "2 1", "run", "2 2"]);
}

#[test]
fn a_ping_between_packets_is_answered_in_its_place() {
    let m = Arc::<Notes>::default();
    let bench = Bench::with(&[("m", &m)]);
    let ping = ping(MachineId::new(2).unwrap(), 7).unwrap().to(0).to_vec();
    let stream = [packet("m", 2, COUNT, 1), ping, packet("m", 2, COUNT, 2)].concat();
    let mut packets = Packets::new(Framer::new(Dialect::V22), &stream);
    let mut sink = |_| {
        m.note("pong".into());
        Ok(())
    };
    bench.inlet(2).packets(&mut packets, Moment::ZERO, &mut Reply::new(&mut sink));
    assert_eq!(m.take(), ["run", "2 1", "pong", "run", "2 2"]);
}

/// What every packet by itself leads to, by the plain decision.
fn plainly(bench: &Bench, from: IpAddr, bytes: &[u8]) -> Option<String> {
    let packet = Packet::parse(Dialect::V22, bytes).ok()?;
    let view = bench.gateway.view.load();
    match view.admit(from, &packet, Moment::ZERO) {
        Admission::Module(Verdict::Deliver { context, .. }) => {
            let name = packet.module.escape_ascii();
            Some(format!("{name} {} {}", context.sender, packet.body().int().unwrap()))
        }
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_stream_is_delivered_as_its_packets_would_be(
        kinds in prop::collection::vec((0..3_usize, 0..5_i32, 0..10_u8), 1..60),
        cuts in prop::collection::vec(1..2_000_usize, 0..6),
    ) {
        let modules = ["m", "n"].map(|name| (name, Arc::<Notes>::default()));
        let bench = Bench::with(&modules.each_ref().map(|(name, notes)| (*name, notes)));
        let numbered = (0..).zip(kinds);
        let stream: Vec<Vec<u8>> = numbered.map(|(number, (name, sender, junk))| {
            let name = ["m", "n", "nobody"][name];
            if junk == 0 { unreadable() } else { packet(name, sender, COUNT, number) }
        }).collect();
        let plain: Vec<String> =
            stream.iter().filter_map(|bytes| plainly(&bench, ip(2), bytes)).collect();
        // Pieces as a transport would show them: whole packets, in two views of one table.
        let mut inlet = bench.inlet(2);
        let mut rest = stream.as_slice();
        for cut in cuts {
            let (piece, behind) = rest.split_at((cut % 20).min(rest.len()));
            feed(&mut inlet, 0, &piece.concat());
            rest = behind;
            bench.core.lock().unwrap().handle(now(0), Input::Loaded(table()), &mut Vec::new());
            bench.publish();
        }
        feed(&mut inlet, 0, &rest.concat());
        for (name, notes) in modules {
            let calls = notes.take();
            let seen: Vec<_> = calls.iter().filter(|call| *call != "run").collect();
            let prefix = format!("{name} ");
            let expected = plain.iter().filter_map(|call| call.strip_prefix(&prefix));
            prop_assert_eq!(seen, expected.collect::<Vec<_>>());
        }
    }
}
