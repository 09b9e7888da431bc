//! `clusterer-bin`.

use crate::codec::Codec;
use crate::content::{Content, read_header, read_pipe};
use clusterer_bin::{Dialect, FieldError, Framer, Origin, Outgoing, Packet, PacketWriter, Step};

/// Of the 2.2 dialect.
pub(crate) struct Ours {
    framer: Framer,
    packet: Option<Outgoing>,
}

impl Default for Ours {
    fn default() -> Self {
        Self { framer: Framer::new(Dialect::V22), packet: None }
    }
}

impl Codec for Ours {
    const NAME: &'static str = "clusterer-bin";
    type Message = Content;
    type Bytes = Vec<u8>;

    fn message(content: &Content) -> Content {
        content.clone()
    }

    fn encode(&mut self, Content { header, pipes }: &Content) {
        let origin = Origin { sender: header.sender, cluster: 1 };
        let mut writer = PacketWriter::new(Dialect::V22, header.module, header.command, origin);
        for pipe in pipes {
            let writer = writer.str(pipe.name.as_bytes());
            writer.int(pipe.algorithm).int(pipe.limit).int(pipe.counter);
        }
        self.packet = Some(writer.finish(1).expect("it fits"));
    }

    fn encoded(&self) -> Vec<u8> {
        self.packet.as_ref().map(Outgoing::to_vec).unwrap_or_default()
    }

    fn decode(&mut self, bytes: &Vec<u8>) {
        read(&mut self.framer, bytes).expect("every field can be read");
    }
}

fn read(framer: &mut Framer, stream: &[u8]) -> Result<(), FieldError> {
    let Ok(Step::Packet { bytes, .. }) = framer.next(stream) else { panic!("it is whole") };
    let packet = Packet::parse(Dialect::V22, bytes)?;
    read_header(packet.module, packet.command, packet.version, packet.sender);
    let mut body = packet.body();
    while !body.is_empty() {
        read_pipe(body.str()?, body.int()?, body.int()?, body.int()?);
    }
    Ok(())
}
