//! Management over everything that carries it: FIFO, datagrams, HTTP; by a real client of OpenSIPS, and
//! by people who mean no good.

mod bench;
mod carrier;
mod crowds;
mod flood;
mod hostile;
mod mutations;
mod opensips_cli;
mod recorded;
mod transcripts;
