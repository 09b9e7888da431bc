//! The others, each used as its documentation says is fastest.

use crate::codec::Codec;
use crate::content::{Content, read_header, read_pipe};
use bytes::Bytes;
use rkyv::rancor::Error;
use rkyv::util::AlignedVec;
use serde::{Deserialize, Serialize};

/// For as long as the program runs: those that borrow are given messages that do.
fn kept(content: &Content) -> &'static Content {
    Box::leak(Box::new(content.clone()))
}

/// `bitcode`, its buffer kept. It borrows texts, no other bytes.
#[derive(Default)]
pub(crate) struct Bitcode {
    buffer: bitcode::Buffer,
    encoded: Vec<u8>,
}

#[derive(bitcode::Decode, bitcode::Encode)]
pub(crate) struct Text<'a> {
    module: &'a str,
    command: i32,
    version: i16,
    sender: i32,
    pipes: Vec<TextPipe<'a>>,
}

#[derive(bitcode::Decode, bitcode::Encode)]
pub(crate) struct TextPipe<'a> {
    name: &'a str,
    algorithm: i32,
    limit: i32,
    counter: i32,
}

impl Codec for Bitcode {
    const NAME: &'static str = "bitcode";
    type Message = Text<'static>;
    type Bytes = Vec<u8>;

    fn message(content: &Content) -> Self::Message {
        let Content { header, pipes } = kept(content);
        let pipes = pipes.iter().map(|pipe| TextPipe {
            name: &pipe.name,
            algorithm: pipe.algorithm,
            limit: pipe.limit,
            counter: pipe.counter,
        });
        Text {
            module: header.module,
            command: header.command,
            version: header.version,
            sender: header.sender,
            pipes: pipes.collect(),
        }
    }

    fn encode(&mut self, message: &Self::Message) {
        self.encoded.clear();
        self.encoded.extend_from_slice(self.buffer.encode(message));
    }

    fn encoded(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    fn decode(&mut self, bytes: &Vec<u8>) {
        let message: Text<'_> = self.buffer.decode(bytes).expect("it was encoded here");
        let Text { module, command, version, sender, pipes } = message;
        read_header(module.as_bytes(), command, version, sender);
        for TextPipe { name, algorithm, limit, counter } in pipes {
            read_pipe(name.as_bytes(), algorithm, limit, counter);
        }
    }
}

/// `postcard`.
pub(crate) struct Postcard {
    buffer: [u8; 1024],
    length: usize,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Borrowed<'a> {
    #[serde(with = "serde_bytes")]
    module: &'a [u8],
    command: i32,
    version: i16,
    sender: i32,
    #[serde(borrow)]
    pipes: Vec<BorrowedPipe<'a>>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct BorrowedPipe<'a> {
    #[serde(with = "serde_bytes")]
    name: &'a [u8],
    algorithm: i32,
    limit: i32,
    counter: i32,
}

impl Default for Postcard {
    fn default() -> Self {
        Self { buffer: [0; 1024], length: 0 }
    }
}

impl Codec for Postcard {
    const NAME: &'static str = "postcard";
    type Message = Borrowed<'static>;
    type Bytes = Vec<u8>;

    fn message(content: &Content) -> Self::Message {
        let Content { header, pipes } = kept(content);
        let pipes = pipes.iter().map(|pipe| BorrowedPipe {
            name: pipe.name.as_bytes(),
            algorithm: pipe.algorithm,
            limit: pipe.limit,
            counter: pipe.counter,
        });
        Borrowed {
            module: header.module.as_bytes(),
            command: header.command,
            version: header.version,
            sender: header.sender,
            pipes: pipes.collect(),
        }
    }

    fn encode(&mut self, message: &Self::Message) {
        self.length = postcard::to_slice(message, &mut self.buffer).expect("it fits").len();
    }

    fn encoded(&self) -> Vec<u8> {
        self.buffer[..self.length].to_vec()
    }

    fn decode(&mut self, bytes: &Vec<u8>) {
        let message: Borrowed<'_> = postcard::from_bytes(bytes).expect("it was encoded here");
        let Borrowed { module, command, version, sender, pipes } = message;
        read_header(module, command, version, sender);
        for BorrowedPipe { name, algorithm, limit, counter } in pipes {
            read_pipe(name, algorithm, limit, counter);
        }
    }
}

/// `rkyv`: bytes are validated, then read in place.
#[derive(Default)]
pub(crate) struct Rkyv {
    buffer: AlignedVec,
}

#[derive(rkyv::Archive, rkyv::Serialize)]
pub(crate) struct Owned {
    module: Vec<u8>,
    command: i32,
    version: i16,
    sender: i32,
    pipes: Vec<OwnedPipe>,
}

#[derive(rkyv::Archive, rkyv::Serialize)]
pub(crate) struct OwnedPipe {
    name: Vec<u8>,
    algorithm: i32,
    limit: i32,
    counter: i32,
}

impl Codec for Rkyv {
    const NAME: &'static str = "rkyv, validated";
    type Message = Owned;
    type Bytes = AlignedVec;

    fn message(Content { header, pipes }: &Content) -> Owned {
        let pipes = pipes.iter().map(|pipe| OwnedPipe {
            name: pipe.name.clone().into(),
            algorithm: pipe.algorithm,
            limit: pipe.limit,
            counter: pipe.counter,
        });
        Owned {
            module: header.module.into(),
            command: header.command,
            version: header.version,
            sender: header.sender,
            pipes: pipes.collect(),
        }
    }

    fn encode(&mut self, message: &Owned) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.buffer = rkyv::api::high::to_bytes_in::<_, Error>(message, buffer).expect("it fits");
    }

    fn encoded(&self) -> AlignedVec {
        self.buffer.clone()
    }

    fn decode(&mut self, bytes: &AlignedVec) {
        let message = rkyv::access::<ArchivedOwned, Error>(bytes).expect("it was encoded here");
        let ArchivedOwned { module, command, version, sender, pipes } = message;
        read_header(module, command.to_native(), version.to_native(), sender.to_native());
        for pipe in pipes.iter() {
            let ArchivedOwnedPipe { name, algorithm, limit, counter } = pipe;
            read_pipe(name, algorithm.to_native(), limit.to_native(), counter.to_native());
        }
    }
}

/// `prost`, whose byte strings share the buffer they come in.
#[derive(Default)]
pub(crate) struct Prost {
    buffer: Vec<u8>,
}

#[derive(prost::Message)]
pub(crate) struct Proto {
    #[prost(bytes = "bytes", tag = "1")]
    module: Bytes,
    #[prost(int32, tag = "2")]
    command: i32,
    #[prost(int32, tag = "3")]
    version: i32,
    #[prost(int32, tag = "4")]
    sender: i32,
    #[prost(message, repeated, tag = "5")]
    pipes: Vec<ProtoPipe>,
}

#[derive(prost::Message)]
pub(crate) struct ProtoPipe {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(int32, tag = "2")]
    algorithm: i32,
    #[prost(int32, tag = "3")]
    limit: i32,
    #[prost(int32, tag = "4")]
    counter: i32,
}

impl Codec for Prost {
    const NAME: &'static str = "prost";
    type Message = Proto;
    type Bytes = Bytes;

    fn message(Content { header, pipes }: &Content) -> Proto {
        let pipes = pipes.iter().map(|pipe| ProtoPipe {
            name: pipe.name.clone().into(),
            algorithm: pipe.algorithm,
            limit: pipe.limit,
            counter: pipe.counter,
        });
        Proto {
            module: Bytes::from_static(header.module.as_bytes()),
            command: header.command,
            version: header.version.into(),
            sender: header.sender,
            pipes: pipes.collect(),
        }
    }

    fn encode(&mut self, message: &Proto) {
        self.buffer.clear();
        prost::Message::encode(message, &mut self.buffer).expect("a vector grows");
    }

    fn encoded(&self) -> Bytes {
        Bytes::copy_from_slice(&self.buffer)
    }

    fn decode(&mut self, bytes: &Bytes) {
        let message: Proto = prost::Message::decode(bytes.clone()).expect("it was encoded here");
        let version = i16::try_from(message.version).expect("it was encoded here");
        read_header(&message.module, message.command, version, message.sender);
        for pipe in &message.pipes {
            read_pipe(&pipe.name, pipe.algorithm, pipe.limit, pipe.counter);
        }
    }
}
