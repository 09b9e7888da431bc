//! The repository's chores, written in Rust so that a toolchain is all they need.
//!
//! `cargo xtask --help` lists them. Each command is a file beside this one and can be run alone;
//! `ci` is nothing but the others in a row.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks on its terminal")]

mod ci;
mod embed;
mod shell;
mod skips;
mod test;
mod tidy;

use std::process::ExitCode;

mod flags {
    xflags::xflags! {
        /// The repository's chores.
        cmd xtask {
            /// Everything that must hold before a change lands; the others in a row.
            cmd ci {}
            /// Build the projects of tests/embed: every library stands alone, default features off.
            cmd embed {}
            /// Build the programs, run every test and doctest, list what was skipped.
            cmd test {
                /// Fail on a skip that is not listed in xtask/allowed-skips.txt.
                optional --ci
            }
            /// Check the layering of the crates and what reviewers would forget.
            cmd tidy {}
        }
    }
}

fn main() -> ExitCode {
    let root = shell::repository();
    let done = match flags::Xtask::from_env_or_exit().subcommand {
        flags::XtaskCmd::Ci(_) => ci::run(&root),
        flags::XtaskCmd::Embed(_) => embed::run(&root),
        flags::XtaskCmd::Test(flags) => test::run(&root, flags.ci),
        flags::XtaskCmd::Tidy(_) => tidy::run(&root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
