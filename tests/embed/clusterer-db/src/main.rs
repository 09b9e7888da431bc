//! A tool that writes SQL for a table with names of its own, and brings its own database driver.

use clusterer_db::{DbUrl, NameError, Scheme, TableNames};
use clusterer_node::Column;

fn main() -> Result<(), NameError> {
    let names = TableNames::new([("db_table", "nodes"), ("url_col", "address")])?;
    let columns = Column::ALL.map(|column| names.column(column));
    println!("SELECT {} FROM {}", columns.join(", "), names.table());

    assert!(Scheme::SUPPORTED.is_empty(), "a driver came along uninvited");
    if let Err(error) = "postgres://opensips:secret@localhost/opensips".parse::<DbUrl>() {
        println!("{error}");
    }
    Ok(())
}
