//! What to do about an address that cannot be bound.

use std::io::{Error, ErrorKind};

/// The end of the sentence that says what the system said.
pub(crate) fn remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "; stop what listens there, or take another",
        ErrorKind::AddrNotAvailable => "; no interface has this address",
        ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        _ => "",
    }
}
