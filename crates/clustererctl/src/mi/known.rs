//! The commands that our daemon has, for completions. docs/mi.md has them too, made from the daemon's own
//! table; a test holds the two together.

/// Name and what it does.
pub(crate) const KNOWN: &[(&str, &str)] = &[
    ("clusterer_list", "Lists the clusters with their nodes and states"),
    ("clusterer_reload", "Loads the node table anew from the database"),
    ("clusterer_set_status", "Sets the status of a machine in a cluster"),
    (
        "log_level",
        "Shows the least severe level that is logged, or sets it until the configuration says another",
    ),
    ("rl_bin_status", "Lists the up nodes that pipes are sent to and accepted from"),
    ("rl_check", "Counts one call into a pipe and tells whether it is allowed or limited"),
    ("rl_list", "Lists the pipes and what the cluster counted in the last tick"),
    ("rl_reset_pipe", "Forgets what this node counted in a pipe since the last tick"),
    ("uptime", "Tells since when the program runs"),
    ("version", "Tells which program this is"),
    ("which", "Lists the commands"),
];

#[cfg(test)]
mod tests {
    use super::KNOWN;
    use std::fs;

    #[test]
    fn the_list_is_that_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mi.md");
        let reference = fs::read_to_string(path).unwrap();
        let sections: Vec<(&str, &str)> = reference
            .split("\n## ")
            .skip(1)
            .filter_map(|section| section.split_once("\n\n"))
            // `help` is clustererctl's own.
            .filter(|(name, _)| *name != "help")
            .map(|(name, text)| (name, text.split_once('.').unwrap().0))
            .collect();
        assert_eq!(KNOWN, sections);
    }
}
