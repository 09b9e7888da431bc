//! Pipes without a cluster.

use clusterer_node::Moment;
use clusterer_ratelimit::{Config, RateLimit};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = RateLimit::new(Config::default(), Moment::ZERO);
    for second in 0..3 {
        let decision = limits.check(Moment::from_millis(second * 1000), b"gateway", 1, None)?;
        println!("call {second}: {decision:?}");
    }
    Ok(())
}
