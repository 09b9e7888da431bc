//! Instructions, which are the same on a busy machine.

use crate::load::{Case, PACKETS};
use std::process::Command;

/// Instructions a packet; None without valgrind.
pub(crate) fn of(case: Case) -> Option<f64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*under_measurement*",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(case.to_string().split(' '))
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let (_, collected) = report.rsplit_once("Collected :").unwrap();
    let collected: f64 = collected.split_whitespace().next().unwrap().parse().unwrap();
    Some(collected / PACKETS as f64)
}
