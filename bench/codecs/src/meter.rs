//! Where valgrind begins and ends to count.

use crate::codec::Subject;

/// A codec that has one message.
pub(crate) fn count(subject: &mut Subject) {
    (subject.encode)();
    counted("encode", &mut subject.encode);
    (subject.decode)();
    counted("decode", &mut subject.decode);
}

/// Names the next operation, and does it where it is counted.
pub(crate) fn counted(name: &str, mut operation: impl FnMut()) {
    println!("{name}");
    measured(&mut operation);
}

/// Valgrind counts while this function runs; inlined, it would not be found.
#[inline(never)]
fn measured(operation: &mut dyn FnMut()) {
    operation();
}
