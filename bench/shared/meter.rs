//! Where counting begins and ends.

/// Names the next operation, and does it where it is counted.
pub(crate) fn counted(name: &str, mut operation: impl FnMut()) {
    println!("{name}");
    measured(&mut operation);
}

/// Valgrind is told to count while this function runs. Without a count of its own (inlined, or merged with
/// another) there would be none.
#[inline(never)]
fn measured(operation: &mut dyn FnMut()) {
    operation();
}
