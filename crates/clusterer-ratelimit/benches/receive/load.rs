//! Packets to receive.

use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_node::{ClusterId, MachineId, Moment};
use clusterer_ratelimit::{COMMAND, MODULE, Parameters, RateLimit};
use clusterer_registry::{ClusterModule, Malformed, PacketContext, Run};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// How many packets a case has, of all senders together.
pub(crate) const PACKETS: usize = 8192;
/// How many come together.
const RUN: usize = 64;
/// The most counters that are filled in: beyond, each sender has a share of the pipes.
const COUNTERS: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pipes: usize,
    table: usize,
    senders: usize,
}

impl Case {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [1, 20].into_iter().flat_map(|pipes| {
            [20, 1_000, 100_000].into_iter().flat_map(move |table| {
                [1, 64].into_iter().map(move |senders| Self { pipes, table, senders })
            })
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pipes, table, senders } = self;
        write!(f, "{pipes} pipes of {table} from {senders} senders")
    }
}

impl FromStr for Case {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
        let mut next = || numbers.next().map_or_else(|| "".parse(), Ok);
        Ok(Self { pipes: next()?, table: next()?, senders: next()? })
    }
}

pub(crate) struct Load {
    limits: RateLimit,
    /// Runs, and who sends each.
    runs: Vec<(MachineId, Vec<Packet<'static>>)>,
    now: u64,
}

impl Load {
    pub(crate) fn new(case: Case) -> Self {
        let mut load = Self { limits: limits(), runs: Vec::new(), now: 0 };
        let shares = if case.table * case.senders > COUNTERS { case.senders } else { 1 };
        for sender in 0..case.senders {
            let pipes: Vec<_> = (sender % shares..case.table).step_by(shares).collect();
            let packets = pipes.chunks(20).map(|pipes| packet(pipes, 0)).collect();
            load.receive(machine(sender), packets);
        }
        assert_eq!(load.limits.list(Moment::ZERO).len(), case.table);
        let mut random = Random(1);
        load.runs = (0..PACKETS / RUN)
            .map(|run| {
                let sender = run % case.senders;
                let own = (case.table - sender % shares).div_ceil(shares);
                let packet = |_| {
                    // Different ones, as in the packet of a node.
                    let (begin, step) = (random.below(own), 1 + 2 * random.below(4));
                    let pipe = |at| sender % shares + (begin + at * step) % own * shares;
                    let mut pipes: Vec<_> = (0..case.pipes).map(pipe).collect();
                    random.shuffle(&mut pipes);
                    packet(&pipes, random.below(1 << 20))
                };
                (machine(sender), (0..RUN).map(packet).collect())
            })
            .collect();
        load
    }

    pub(crate) fn receive_all(&mut self) {
        self.now += 1;
        for (machine, packets) in &self.runs {
            let now = Moment::from_millis(self.now);
            self.limits.on_packets(&context(*machine, now), &mut Packets(packets.iter()));
        }
    }

    fn receive(&self, machine: MachineId, packets: Vec<Packet<'static>>) {
        self.limits.on_packets(&context(machine, Moment::ZERO), &mut Packets(packets.iter()));
    }
}

struct Packets<'a>(std::slice::Iter<'a, Packet<'static>>);

impl Run for Packets<'_> {
    fn next(&mut self) -> Option<&Packet<'_>> {
        self.0.next()
    }

    fn malformed(&mut self, error: &Malformed) {
        unreachable!("{error}");
    }
}

pub(crate) fn limits() -> RateLimit {
    let parameters = Parameters { accept_pipes_from: 1, ..Parameters::default() };
    RateLimit::new(parameters.validate().unwrap(), Moment::ZERO)
}

pub(crate) fn machine(number: usize) -> MachineId {
    MachineId::new(i32::try_from(2 + number).unwrap()).unwrap()
}

pub(crate) fn context(machine: MachineId, now: Moment) -> PacketContext {
    PacketContext::new(ClusterId::new(1), machine, true, [127, 0, 0, 1].into(), now)
}

/// One pipe is 51 bytes, 20 pipes are 403, while names are as short as `p0` to `p19`.
pub(crate) fn packet(pipes: &[usize], counter: usize) -> Packet<'static> {
    let origin = Origin { sender: 2, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, MODULE, COMMAND, origin);
    for (at, pipe) in pipes.iter().enumerate() {
        let counter = i32::try_from(counter / (1 + at)).unwrap();
        writer.str(format!("p{pipe}").as_bytes()).int(1).int(100).int(counter);
    }
    // Packets live as long as the program, which ends soon.
    let bytes = Vec::leak(writer.finish(3).unwrap().to_vec());
    Packet::parse(Dialect::V22, bytes).unwrap()
}

/// Numbers that no branch predictor learns (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end
    }

    fn shuffle(&mut self, pipes: &mut [usize]) {
        for end in (1..pipes.len()).rev() {
            pipes.swap(end, self.below(end + 1));
        }
    }
}
