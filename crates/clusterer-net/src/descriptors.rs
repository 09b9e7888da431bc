//! Descriptors are the process's, not the listeners': peers that connect must leave some for links,
//! files and management.

use rustix::process::{Resource, getrlimit};

/// How many inbound connections there may be, if so many are wished for.
pub(crate) fn for_inbound(wished: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    share(wished, limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// Three quarters of the limit at most.
fn share(wished: usize, limit: Option<usize>) -> usize {
    limit.map_or(wished, |limit| wished.min(limit - limit / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_descriptors_is_left() {
        assert_eq!(share(1024, None), 1024);
        assert_eq!(share(1024, Some(20_000)), 1024);
        assert_eq!(share(1024, Some(1024)), 768);
        assert_eq!(share(1024, Some(64)), 48);
        assert_eq!(share(10, Some(64)), 10);
    }
}
