//! Packets that arrived together, in the bytes that were read.

use clusterer_bin::{FieldError, FrameError, Framer, Packet, Step};

/// Packets that arrived together over one connection, in their order, without a copy. An error is a packet
/// whose header cannot be read: it is counted already, and the next one may be fine.
#[derive(Debug)]
pub struct Packets<'a> {
    framer: Framer,
    /// What was not looked at yet.
    rest: &'a [u8],
    found: Found,
    end: Option<Result<usize, FrameError>>,
}

/// How many packets were whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) whole: usize,
    /// Those of them whose header cannot be read.
    pub(crate) malformed: usize,
}

impl Found {
    pub(crate) const fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.malformed += other.malformed;
    }
}

/// How the walk ended.
pub(crate) struct End<'a> {
    pub(crate) framer: Framer,
    pub(crate) found: Found,
    /// The begin of a packet whose rest has not come yet, or nothing.
    pub(crate) rest: &'a [u8],
    /// How long `rest` must be before another look finds more. An error if the stream is lost.
    pub(crate) need: Result<usize, FrameError>,
}

impl<'a> Packets<'a> {
    /// The packets in these bytes of a stream, for those who drive a [`Receiver`](crate::Receiver) themselves:
    /// tests and simulators.
    #[must_use]
    pub const fn new(framer: Framer, bytes: &'a [u8]) -> Self {
        let found = Found { whole: 0, malformed: 0 };
        Self { framer, rest: bytes, found, end: None }
    }

    /// Goes on to the next packet, if its header says the same as this one's, which makes it cheap:
    /// see [`Packet::follow`]. Else the packet stays what it is, and the next one is still to be taken.
    #[inline]
    pub fn follow(&mut self, packet: &mut Packet<'a>) -> bool {
        match self.framer.at_once(self.rest) {
            Some((bytes, behind)) if packet.follow(bytes) => {
                self.rest = behind;
                self.found.whole += 1;
                true
            }
            // What was found is found again.
            _ => false,
        }
    }

    /// Goes over those that nobody took.
    pub(crate) fn end(mut self) -> End<'a> {
        while self.next().is_some() {}
        let Self { framer, rest, found, end } = self;
        // The walk does not end without saying why.
        End { framer, found, rest, need: end.unwrap_or(Ok(0)) }
    }

    #[cold]
    fn stop(&mut self, end: Result<(usize, usize), FrameError>) {
        // A lost stream has no further packets.
        if matches!(self.end, Some(Err(_))) {
            return;
        }
        let consumed = end.as_ref().map_or(self.rest.len(), |&(consumed, _)| consumed);
        self.rest = self.rest.get(consumed..).unwrap_or_default();
        self.end = Some(end.map(|(_, need)| need));
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, FieldError>;

    // Else each packet is written to memory, and read again at once, on its way to whoever takes it.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match self.framer.next(self.rest) {
            Ok(Step::Packet { bytes, consumed }) => {
                self.rest = self.rest.get(consumed..).unwrap_or_default();
                self.found.whole += 1;
                let packet = Packet::parse(self.framer.dialect(), bytes);
                self.found.malformed += usize::from(packet.is_err());
                Some(packet)
            }
            Ok(Step::More { consumed, need }) => {
                self.stop(Ok((consumed, need)));
                None
            }
            Err(error) => {
                self.stop(Err(error));
                None
            }
        }
    }
}
