//! A service that lets each customer do so much within ten seconds, and no more: `example-fair-share 5`, then
//! type the names of customers.

#![allow(clippy::print_stdout, reason = "a program talks on its terminal")]

#[cfg(test)]
mod tests;

use clusterer_node::Moment;
use clusterer_ratelimit::{Algorithm, CheckError, ConfigError, Parameters, RateLimit};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let share = std::env::args().nth(1).and_then(|share| share.parse().ok());
    let share = share.ok_or("usage: example-fair-share REQUESTS, a number")?;
    let begin = Instant::now();
    let shares = Shares::new(share, Moment::ZERO)?;
    for customer in std::io::stdin().lines() {
        let served = shares.serve(&customer?, Moment::ZERO.after(begin.elapsed()))?;
        println!("{}", if served { "served" } else { "too many requests" });
    }
    Ok(())
}

/// What customers have used of their shares. Any number of threads may ask.
struct Shares {
    pipes: RateLimit,
    /// Requests a window.
    share: i32,
}

impl Shares {
    fn new(share: i32, now: Moment) -> Result<Self, ConfigError> {
        let parameters = Parameters {
            default_algorithm: Algorithm::Sbt.name().into(),
            // Seconds; and a customer who has not come for so long costs no memory.
            window_size: 10,
            expire_time: 600,
            max_pipes: 10_000,
            ..Parameters::default()
        };
        Ok(Self { pipes: RateLimit::new(parameters.validate()?, now), share })
    }

    /// Whether the customer may have one more request served.
    fn serve(&self, customer: &str, now: Moment) -> Result<bool, CheckError> {
        // There is no thread that would do it: pipes are tidied up by whoever comes when it is due.
        if now >= self.pipes.deadline() {
            self.pipes.run_due(now, &mut |_| ());
        }
        let decision = self.pipes.check(now, customer.as_bytes(), self.share, None)?;
        Ok(decision.is_allowed())
    }
}
