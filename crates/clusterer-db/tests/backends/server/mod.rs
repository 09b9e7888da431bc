//! What the database servers have in common.

pub(crate) mod admin;
pub(crate) mod certificates;
pub(crate) mod engine;
pub(crate) mod errors;
pub(crate) mod fixture;
pub(crate) mod reaching;
pub(crate) mod store;
pub(crate) mod tls;

/// Makes tests of what must hold on every kind of server, for this [`Engine`](engine::Engine).
macro_rules! suite {
    ($engine:ty) => {
        $crate::shared::each_test! {
            server, $engine, $crate::server::fixture::is_there::<$engine> =>
            admin {
                several_who_add_one_node_at_once_add_it_once
                the_longest_names_fit
            }
            errors {
                a_lock_is_waited_for_as_long_as_one_was_told
                a_call_that_takes_too_long_is_given_up
                a_call_ended_by_the_operator_is_worth_another_try
                a_connection_lost_between_two_calls_is_made_anew
                a_dropped_store_says_goodbye
                a_call_dropped_before_its_turn_is_not_done
            }
            reaching {
                a_wrong_database_says_how_to_make_one
            }
            store {
                no_load_sees_half_of_what_others_write
                two_who_flush_the_same_rows_never_lock_each_other_out
                a_state_0_set_while_a_flush_waits_stays
                a_thousand_changes_are_one_transaction
            }
        }

        /// Without a server: the tests play one.
        mod played {
            $crate::shared::each_test! {
                server, $engine, |_| true =>
                reaching {
                    a_server_that_is_not_there_is_unavailable
                    a_server_that_hangs_is_given_up_on
                }
                tls {
                    a_certificate_of_the_authority_for_the_host_is_trusted
                    no_other_certificate_is_trusted
                    a_server_without_tls_is_told_what_to_do
                    a_file_of_authorities_that_cannot_be_used_is_named
                }
            }
        }
    };
}

/// Ends a test that needs a server where there is none.
macro_rules! needs_server {
    ($engine:ty, $test:ident) => {
        if !$crate::server::fixture::is_there::<$engine>(concat!(
            module_path!(),
            "::",
            stringify!($test)
        )) {
            return;
        }
    };
}
pub(crate) use {needs_server, suite};
