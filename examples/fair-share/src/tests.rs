//! Shares on a clock of the test's own.

use super::Shares;
use clusterer_node::Moment;
use clusterer_ratelimit::CheckError;

fn at(seconds: u64) -> Moment {
    Moment::from_millis(1000 * seconds)
}

#[test]
fn a_customer_gets_the_share_of_each_window_and_takes_none_of_another() {
    let shares = Shares::new(3, at(0)).unwrap();
    let served = |customer: &str, now| shares.serve(customer, now).unwrap();
    assert_eq!([at(1); 4].map(|now| served("alice", now)), [true, true, true, false]);
    assert!(served("bob", at(1)));
    assert!(!served("alice", at(10)), "the window reaches back to what was served");
    assert!(served("alice", at(12)), "and slides past it");
}

#[test]
fn customers_are_forgotten_and_their_number_is_bounded() {
    let shares = Shares::new(3, at(0)).unwrap();
    for customer in 0..10_000 {
        shares.serve(&customer.to_string(), at(0)).unwrap();
    }
    let refused: CheckError = shares.serve("one too many", at(0)).unwrap_err();
    assert!(refused.to_string().contains("10000"), "{refused}");
    assert!(shares.serve("one too many", at(700)).unwrap());
    assert_eq!(shares.pipes.list(at(700)).len(), 1);
}
