//! The SQL of MySQL and MariaDB.

use crate::dialect::{Case, Dialect};
use crate::schema::Kind;

pub(crate) const DIALECT: &Dialect = &Dialect {
    // A name's in every `sql_mode`.
    quote: '`',
    placeholder: |_| "?".to_owned(),
    case: Case::Ignored,
    keeps_order: false,
    key: "INT(10) AUTO_INCREMENT PRIMARY KEY NOT NULL",
    declared,
    accepts,
    version: ["CHAR(32)", "INT UNSIGNED"],
    table_options: " ENGINE=InnoDB",
    finish: |_, _| None,
    takes_tables_back: false,
    hides_tables: true,
    // A backslash escapes, unless the `sql_mode` says otherwise.
    literal: |text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
    // MariaDB has the word NULL for a default that is NULL.
    columns_of: "SELECT column_name, column_type, is_nullable = 'YES',
            COALESCE(column_default <> 'NULL', 0) OR extra LIKE '%auto_increment%'
        FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = ?
        ORDER BY ordinal_position",
    unique_over: "SELECT COUNT(*) FROM (
            SELECT index_name FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = ?
            GROUP BY index_name
            HAVING MAX(non_unique) = 0 AND COUNT(*) = 2 AND COUNT(sub_part) = 0
                AND SUM(column_name IN (?, ?)) = 2
        ) AS list",
};

/// The rows' count, and the sum of their hashes. In hexadecimal digits no column's character set meets
/// another's, and NULL is none of them.
pub(super) fn checksum(columns: &[String]) -> String {
    let columns: Vec<_> =
        columns.iter().map(|column| format!("COALESCE(HEX({column}), '-')")).collect();
    format!(
        "CONCAT(COUNT(*), ' ', COALESCE(SUM(CAST(\
         CONV(LEFT(SHA1(CONCAT_WS(',', {})), 15), 16, 10) AS UNSIGNED)), 0))",
        columns.join(", ")
    )
}

const fn declared(kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::Number { .. } => "INT(10)",
        Kind::State => "INT(1)",
        Kind::Text { .. } => "CHAR(64)",
        Kind::Time => "BIGINT(64) UNSIGNED",
    }
}

/// `declaration` is what the catalogue makes of a type: `int(10)`, or `int` where widths are out of use.
fn accepts(kind: Kind, declaration: &str) -> bool {
    let end = declaration.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(declaration.len());
    let word = declaration.get(..end).unwrap_or(declaration);
    match kind {
        Kind::Key | Kind::Number { .. } | Kind::State | Kind::Time => {
            matches!(word, "bigint" | "decimal" | "int" | "mediumint" | "smallint" | "tinyint")
        }
        Kind::Text { .. } => {
            matches!(word, "char" | "longtext" | "mediumtext" | "text" | "tinytext" | "varchar")
        }
    }
}
