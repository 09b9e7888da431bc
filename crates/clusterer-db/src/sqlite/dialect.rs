//! The SQL of SQLite.

use crate::dialect::{Case, Dialect};
use crate::schema::Kind;

pub(crate) const DIALECT: &Dialect = &Dialect {
    quote: '"',
    placeholder: |number| format!("?{number}"),
    case: Case::Ignored,
    keeps_order: true,
    key: "INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
    declared,
    accepts,
    version: ["CHAR(32)", "INTEGER"],
    table_options: "",
    finish: |_, _| None,
    takes_tables_back: true,
    hides_tables: false,
    literal: |text| format!("'{}'", text.replace('\'', "''")),
    // A key that is declared as INTEGER, in this one word, numbers the rows.
    columns_of: "SELECT name, type, \"notnull\" = 0 AND pk = 0,
            coalesce(upper(dflt_value) <> 'NULL', 0) OR upper(type) = 'INTEGER' AND pk = 1
                AND (SELECT count(*) = 1 FROM pragma_table_info(?1) WHERE pk > 0)
        FROM pragma_table_info(?1)",
    unique_over: "SELECT count(*) FROM pragma_index_list(?1) AS list
        WHERE list.\"unique\" AND NOT list.partial AND (
            SELECT count(*) = 2 AND sum(lower(info.name) IN (lower(?2), lower(?3))) = 2
            FROM pragma_index_info(list.name) AS info
        )",
};

const fn declared(kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::Number { .. } | Kind::State => "INTEGER",
        Kind::Text { .. } => "CHAR(64)",
        Kind::Time => "BIGINT(64)",
    }
}

/// SQLite goes by the words in a declaration, in this order.
fn accepts(kind: Kind, declaration: &str) -> bool {
    let declaration = declaration.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declaration.contains(word));
    let integer = has(&["INT"]);
    let text = !integer && has(&["CHAR", "CLOB", "TEXT"]);
    let other = declaration.is_empty() || has(&["BLOB", "REAL", "FLOA", "DOUB"]);
    match kind {
        Kind::Key | Kind::Number { .. } | Kind::State | Kind::Time => integer || !text && !other,
        Kind::Text { .. } => text,
    }
}
