//! What each kind of server has its own words for.

use clusterer_tests::servers::Kind;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

/// A kind of server, as the tests speak to it and, where there is none, for it.
pub(crate) trait Engine: Sized + 'static {
    const KIND: Kind;

    /// That of the URLs.
    const SCHEME: &'static str;

    /// See [`TestDatabase`](crate::shared::TestDatabase): these three.
    const LAX: &'static str;
    const TABLES: &'static str;
    const QUOTE: char;

    /// Lets a lax table number its rows, from 2 on.
    const NUMBERED: &'static str;

    /// Takes the table for oneself alone, and gives it back.
    const LOCK_TABLE: [&'static str; 2];

    /// Makes whoever writes row 900 fail, with the text `row 900 is mine`, and ends that.
    const FAIL_AT_900: [&'static str; 2];

    /// Queries for the numbers of connections to the database: those that wait for a lock to write, and all
    /// that stores have.
    const WAITING: &'static str;
    const CONNECTED: &'static str;

    /// Why there is no database of the name `no_such_database`.
    const NO_DATABASE: &'static str;

    /// Why a table's name does not fit the version table.
    const NAME_TOO_LONG: &'static str;

    type Connection: Connection;

    /// Statements that end a connection, and only what it is at; each with what its user is told.
    fn endings(id: &str) -> [(String, &'static str); 2];
    fn drop_database(name: &str) -> String;
    fn create_user(name: &str, password: &str) -> String;
    fn drop_user(name: &str) -> String;
    fn make_text(column: &str) -> String;
    fn literal(text: &str) -> String;

    /// Where in a directory the socket of a server is to be, and the URL of a database behind it.
    fn socket(directory: &Path) -> (PathBuf, String);

    /// Plays the server until TLS begins, or is not to be had.
    fn begin(stream: &mut TcpStream, has_tls: bool);

    /// Whose first message that is.
    fn user_of(message: &[u8]) -> String;

    /// The server's answer that says this, which is short, and hangs up.
    fn failure(text: &str) -> Vec<u8>;
}

/// A connection of somebody else's, with every right. It blocks.
pub(crate) trait Connection {
    fn to(url: &str) -> Self;
    fn run(&self, statements: &str);
    /// The first column of the rows of a query, as texts.
    fn texts(&self, query: &str) -> Vec<String>;
}
