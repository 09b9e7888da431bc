//! The SQL of PostgreSQL. Tables are looked for where its `search_path` finds them.

use crate::dialect::{Case, Dialect};
use crate::schema::Kind;

pub(crate) const DIALECT: &Dialect = &Dialect {
    quote: '"',
    placeholder: |number| format!("${number}"),
    // As if they stood in SQL without quotes, which is how OpenSIPS writes them.
    case: Case::Folded,
    // A row that is updated moves.
    keeps_order: false,
    key: "SERIAL PRIMARY KEY NOT NULL",
    declared,
    accepts,
    version: ["VARCHAR(32)", "INTEGER"],
    table_options: "",
    finish: |table, key| Some(let_keys_cycle(table, key)),
    takes_tables_back: true,
    hides_tables: false,
    literal,
    columns_of: "SELECT attname::text, format_type(atttypid, atttypmod), (NOT attnotnull)::int,
            (attidentity <> '' OR coalesce(pg_get_expr(adbin, adrelid) !~ '^NULL', false))::int
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum",
    unique_over: "SELECT count(*) FROM pg_index AS list
        WHERE list.indrelid = to_regclass(quote_ident($1))
            AND list.indisunique AND list.indisvalid AND list.indpred IS NULL
            AND list.indnkeyatts = 2 AND (
                SELECT count(*) FROM pg_attribute
                WHERE attrelid = list.indrelid AND attname IN ($2, $3)
                    AND (attnum = list.indkey[0] OR attnum = list.indkey[1])
            ) = 2",
};

/// The rows' count, and the sum of their hashes.
pub(super) fn checksum(columns: &[String]) -> String {
    format!(
        "count(*) || ' ' || coalesce(sum(hashtextextended(ROW({})::text, 0)), 0)",
        columns.join(", ")
    )
}

const fn declared(kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::Number { .. } | Kind::State => "INTEGER",
        Kind::Text { .. } => "VARCHAR(64)",
        Kind::Time => "BIGINT",
    }
}

/// `declaration` is what `format_type` makes of a type.
fn accepts(kind: Kind, declaration: &str) -> bool {
    let word = declaration.split_once('(').map_or(declaration, |(word, _)| word);
    match kind {
        Kind::Key | Kind::Number { .. } | Kind::State | Kind::Time => {
            matches!(word, "bigint" | "integer" | "numeric" | "smallint")
        }
        Kind::Text { .. } => matches!(word, "character" | "character varying" | "text"),
    }
}

/// As OpenSIPS has it: a table that was added to two thousand million times starts over.
fn let_keys_cycle(table: &str, key: &str) -> String {
    format!(
        "DO $$ BEGIN EXECUTE 'ALTER SEQUENCE ' || pg_get_serial_sequence('\"{table}\"', '{key}') || \
         ' MAXVALUE 2147483647 CYCLE'; END $$"
    )
}

/// A backslash means itself unless the server was told otherwise; in this form it is always doubled.
fn literal(text: &str) -> String {
    let quotes_doubled = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", quotes_doubled.replace('\\', "\\\\"))
    } else {
        format!("'{quotes_doubled}'")
    }
}
