//! What comes from other nodes.

use crate::RateLimit;
use crate::pipes::Received;
use crate::ratelimit::Shared;
use crate::replicate::COMMAND;
use clusterer_bin::{Dialect, FieldError, Packet, Reader};
use clusterer_registry::{ClusterModule, Malformed, ModuleEvent, PacketContext};
use metrics::counter;

impl ClusterModule for RateLimit {
    /// Takes the pipes of a packet. One that makes no sense is skipped and counted: an empty or too long
    /// name, a negative limit or counter, an unknown algorithm, no room in the table.
    ///
    /// # Errors
    /// A field cannot be read, or the command is not known. Pipes before the error have been taken.
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        if packet.command != COMMAND {
            return Err(Malformed::Value("unknown command for ratelimit: it knows only 0"));
        }
        let Shared { config, pipes, peers, .. } = self.shared();
        let PacketContext { sender, provisioned, now, .. } = *context;
        if !peers.admit(now, sender, provisioned, config.repl_expire) {
            counter!("clusterer_ratelimit_strangers_refused_total").increment(1);
            return Ok(());
        }
        let (mut taken, mut skipped) = (0, 0);
        let mut body = packet.body();
        let result = loop {
            if body.is_empty() {
                break Ok(());
            }
            let received = match read(&mut body) {
                Ok(received) => received,
                Err(error) => break Err(error.into()),
            };
            match pipes.receive(now, sender, provisioned, received, config) {
                Ok(()) => taken += 1,
                Err(skip) => {
                    skipped += 1;
                    counter!("clusterer_ratelimit_skipped_total", "reason" => skip.reason())
                        .increment(1);
                }
            }
        };
        counter!("clusterer_ratelimit_received_total").increment(taken);
        peers.record(sender, taken, skipped);
        result
    }

    /// A node that fell silent counts 0 in every pipe.
    fn on_event(&self, event: ModuleEvent) {
        if let ModuleEvent::Timeout(node) = event {
            self.shared().pipes.forget(node.machine);
        }
    }
}

/// One pipe. The later dialect has flags in it, which say nothing about the pipe's count.
fn read<'a>(body: &mut Reader<'a>) -> Result<Received<'a>, FieldError> {
    let name = body.str()?;
    if body.dialect() == Dialect::V24 {
        body.int()?;
    }
    Ok(Received { name, algorithm: body.int()?, limit: body.int()?, counter: body.int()? })
}
