//! What comes from other nodes.

use crate::RateLimit;
use crate::heard::Heard;
use crate::metric;
use crate::name::Name;
use crate::peers::Peer;
use crate::ratelimit::Shared;
use crate::replicate::COMMAND;
use crate::report::{Brief, Report, Skip};
use clusterer_bin::{Dialect, FieldError, Packet, Reader};
use clusterer_node::Moment;
use clusterer_registry::{ClusterModule, Delivery, Malformed, ModuleEvent, PacketContext, Run};

const UNKNOWN_COMMAND: Malformed =
    Malformed::Value("unknown command for ratelimit: it knows only 0");

/// How many packets are taken before others get their turn at a peer's lock: in some ten microseconds.
const VISIT: usize = 64;

impl ClusterModule for RateLimit {
    /// Takes the pipes of a packet. One that makes no sense is skipped and counted: an empty or too long
    /// name, a negative limit or counter, an unknown algorithm, no room in the table.
    ///
    /// # Errors
    /// A field cannot be read, or the command is not known. Pipes before the error have been taken.
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let mut one = One { packet: Some(packet), result: Ok(()) };
        self.on_packets(context, &mut one);
        one.result
    }

    /// The same for each. The sender is looked up and locked once for many.
    fn on_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        let mut tally = Tally::default();
        loop {
            match self.shared().visit(context, run, &mut tally) {
                Visit::Full => {}
                // Whoever takes log lines must not hold up other threads: under no lock.
                Visit::Malformed(error) => run.malformed(&error),
                Visit::Ended => break,
            }
        }
        tally.publish();
    }

    /// A node that fell silent counts 0 in every pipe.
    fn on_event(&self, event: ModuleEvent) {
        if let ModuleEvent::Timeout(node) = event
            && let Some(peer) = self.shared().peers.find(node.machine)
        {
            peer.forget();
        }
    }

    /// [`Delivery::Inline`]: nothing here waits for anything but short locks.
    fn delivery(&self) -> Delivery {
        Delivery::Inline
    }
}

/// How a visit ended.
enum Visit {
    /// There may be more packets.
    Full,
    /// There are no more.
    Ended,
    /// The last packet makes no sense. There may be more.
    Malformed(Malformed),
}

impl Shared {
    /// Takes packets under one lock of their sender.
    fn visit(&self, context: &PacketContext, run: &mut dyn Run, tally: &mut Tally) -> Visit {
        let Some(mut packet) = run.next() else { return Visit::Ended };
        if packet.command != COMMAND {
            return Visit::Malformed(UNKNOWN_COMMAND);
        }
        let PacketContext { sender, provisioned, now, .. } = *context;
        let Some(peer) = self.peers.admit(now, sender, provisioned, self.config.repl_expire) else {
            return refuse(run, tally);
        };
        let mut heard = peer.lock();
        for left in (0..VISIT).rev() {
            if packet.command != COMMAND {
                return Visit::Malformed(UNKNOWN_COMMAND);
            }
            heard.packets += 1;
            if let Err(error) = self.take(context, packet, &peer, &mut heard, tally) {
                return Visit::Malformed(error.into());
            }
            if left > 0 {
                let Some(next) = run.next() else { return Visit::Ended };
                packet = next;
            }
        }
        Visit::Full
    }

    /// Takes the pipes of a packet.
    fn take(
        &self,
        context: &PacketContext,
        packet: &Packet<'_>,
        peer: &Peer,
        heard: &mut Heard,
        tally: &mut Tally,
    ) -> Result<(), FieldError> {
        let era = peer.sender().era();
        // The reader is only asked, and is never in memory: the packet was written there in parts a moment ago, and
        // a copy that reads them back as one has to wait for them.
        let body = packet.body().rest();
        let (pipes, length) = match packet.dialect {
            Dialect::V22 => take_known(body, heard, context.now, era),
            _ => (0, 0),
        };
        heard.pipes += pipes;
        tally.taken += pipes;
        if length == body.len() {
            return Ok(());
        }
        self.take_others(context, packet, length, peer, heard, tally)
    }

    /// Takes the pipes from so far in the body on, the first of which is not known, or not [`Brief`].
    #[inline(never)]
    fn take_others(
        &self,
        context: &PacketContext,
        packet: &Packet<'_>,
        from: usize,
        peer: &Peer,
        heard: &mut Heard,
        tally: &mut Tally,
    ) -> Result<(), FieldError> {
        let era = peer.sender().era();
        let (mut body, mut pipes) = (packet.body(), 0);
        body.raw(from)?;
        let result = loop {
            if body.is_empty() {
                break Ok(());
            }
            match self.take_any(context, &mut body, peer, heard, era) {
                Ok(Ok(())) => pipes += 1,
                Ok(Err(skip)) => {
                    heard.skipped += 1;
                    tally.skip(skip);
                }
                Err(error) => break Err(error),
            }
            if packet.dialect == Dialect::V22 {
                let (taken, length) = take_known(body.rest(), heard, context.now, era);
                pipes += taken;
                // So much is there.
                let _ = body.raw(length);
            }
        };
        heard.pipes += pipes;
        tally.taken += pipes;
        result
    }

    /// Takes a pipe of any kind.
    fn take_any(
        &self,
        context: &PacketContext,
        body: &mut Reader<'_>,
        peer: &Peer,
        heard: &mut Heard,
        era: u32,
    ) -> Result<Result<(), Skip>, FieldError> {
        let report = match Report::read(body, &self.config)? {
            Ok(report) => report,
            Err(skip) => return Ok(Err(skip)),
        };
        if let Some(remote) = heard.find(Name::new(report.name)) {
            remote.receive(context.now, era, report.counter);
            return Ok(Ok(()));
        }
        Ok(self.pipes.meet(context, report, peer, heard, &self.config))
    }
}

/// Takes the pipes that a body of the 2.2 dialect begins with, while they are [`Brief`] and known: nearly always all
/// of them. Returns how many, and their bytes.
#[inline]
fn take_known(body: &[u8], heard: &Heard, now: Moment, era: u32) -> (u64, usize) {
    let (mut rest, mut pipes) = (body, 0);
    while let Some(brief) = Brief::read(rest)
        && let Some(remote) = heard.find(Name::Short(brief.name))
    {
        remote.receive(now, era, brief.counter);
        pipes += 1;
        rest = brief.behind;
    }
    (pipes, body.len() - rest.len())
}

/// Packets of one stranger too many. What it says is not looked at.
#[cold]
fn refuse(run: &mut dyn Run, tally: &mut Tally) -> Visit {
    tally.refused += 1;
    for _ in 1..VISIT {
        if run.next().is_none() {
            return Visit::Ended;
        }
        tally.refused += 1;
    }
    Visit::Full
}

/// What is counted for the exporter, once a run: to find a metric costs more than to take a packet.
#[derive(Debug, Default)]
struct Tally {
    taken: u64,
    /// As [`Skip::ALL`].
    skipped: [u64; Skip::ALL.len()],
    /// Packets.
    refused: u64,
}

impl Tally {
    #[cold]
    fn skip(&mut self, skip: Skip) {
        for (count, _) in self.skipped.iter_mut().zip(Skip::ALL).filter(|&(_, one)| one == skip) {
            *count += 1;
        }
    }

    fn publish(&self) {
        metric::received(self.taken);
        for (&count, skip) in self.skipped.iter().zip(Skip::ALL).filter(|&(&count, _)| count > 0) {
            metric::skipped(skip, count);
        }
        if self.refused > 0 {
            metric::strangers_refused(self.refused);
        }
    }
}

/// A packet alone.
struct One<'a, 'p> {
    packet: Option<&'a Packet<'p>>,
    result: Result<(), Malformed>,
}

impl Run for One<'_, '_> {
    fn next(&mut self) -> Option<&Packet<'_>> {
        self.packet.take()
    }

    fn malformed(&mut self, error: &Malformed) {
        self.result = Err(*error);
    }
}
