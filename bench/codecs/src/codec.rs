//! What a codec has to do here.

use crate::content::Content;
use crate::meter::counted;
use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

/// A codec, with the buffers it may keep from one message to the next.
pub(crate) trait Codec: Default + 'static {
    const NAME: &'static str;
    /// The content as a program would have it in memory.
    type Message: 'static;
    /// One message, encoded.
    type Bytes: AsRef<[u8]> + 'static;

    fn message(content: &Content) -> Self::Message;

    /// Encodes into a buffer of its own.
    fn encode(&mut self, message: &Self::Message);

    /// A copy of what was encoded last.
    fn encoded(&self) -> Self::Bytes;

    /// Reads every field once.
    fn decode(&mut self, bytes: &Self::Bytes);
}

/// A codec with its messages: each call encodes, or decodes, all of them.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Of the first message.
    pub(crate) bytes: usize,
    pub(crate) encode: Box<dyn FnMut()>,
    pub(crate) decode: Box<dyn FnMut()>,
}

impl Subject {
    pub(crate) fn new<C: Codec>(contents: &[Content]) -> Self {
        let codec = Rc::new(RefCell::new(C::default()));
        let messages: Vec<C::Message> = contents.iter().map(C::message).collect();
        let encoded = messages.iter().map(|message| {
            codec.borrow_mut().encode(message);
            codec.borrow().encoded()
        });
        let encoded: Vec<C::Bytes> = encoded.collect();
        let bytes = encoded.first().map_or(0, |first| first.as_ref().len());
        let encoder = codec.clone();
        let encode = move || {
            let codec = &mut *encoder.borrow_mut();
            messages.iter().for_each(|message| codec.encode(black_box(message)));
        };
        let decode = move || {
            let codec = &mut *codec.borrow_mut();
            encoded.iter().for_each(|bytes| codec.decode(black_box(bytes)));
        };
        Self { name: C::NAME, bytes, encode: Box::new(encode), decode: Box::new(decode) }
    }

    /// Has valgrind count what each of the two takes. For a codec that has one message.
    pub(crate) fn count(&mut self) {
        (self.encode)();
        counted("encode", &mut self.encode);
        (self.decode)();
        counted("decode", &mut self.decode);
    }
}
