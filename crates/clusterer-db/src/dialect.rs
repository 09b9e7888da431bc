//! In what the SQL of the databases differs, and the texts made with that.

use crate::TableNames;
use crate::backend::Value;
use crate::names::VERSION_TABLE;
use crate::schema::{COLUMNS, Kind, LATER_COLUMNS, LATER_UNIQUE_KEY, unique_key};
use clusterer_node::Column;

/// What differs from database to database. Names have been checked to need no escaping.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// What stands on both sides of a name.
    pub(crate) quote: char,
    /// How a statement refers to a value. Each is used once, in their order, which begins at 1.
    pub(crate) placeholder: fn(usize) -> String,
    pub(crate) case: Case,
    /// Whether rows that are updated keep their place in the order in which they are returned.
    pub(crate) keeps_order: bool,
    /// What is created for [`Kind::Key`], with all that follows the name.
    pub(crate) key: &'static str,
    /// The type of a column.
    pub(crate) declared: fn(Kind) -> &'static str,
    /// Whether a column declared like this keeps what we write as what it is.
    pub(crate) accepts: fn(Kind, &str) -> bool,
    /// The types of the `version` table: of the name, of the number.
    pub(crate) version: [&'static str; 2],
    /// What follows the columns where a table is created.
    pub(crate) table_options: &'static str,
    /// What else is to be done once a table of nodes has been created. Its values: the table, the
    /// column with the key, both as the catalogue has them.
    pub(crate) finish: fn(&str, &str) -> Option<String>,
    /// Whether a table that was made in a transaction is gone if that fails.
    pub(crate) takes_tables_back: bool,
    /// Whether the catalogue leaves out what the user may not use.
    pub(crate) hides_tables: bool,
    /// A text as SQL writes it, with the settings that the database comes with.
    pub(crate) literal: fn(&str) -> String,
    /// A query for a table's columns in their order, none if there is no such table: their names,
    /// their types, 1 if they take NULL, 1 if they get a value other than NULL where none is given.
    /// Its value: the table.
    pub(crate) columns_of: &'static str,
    /// A query for the number of unique indexes over exactly two columns and all rows. Its values:
    /// the table, a column, the other column.
    pub(crate) unique_over: &'static str,
}

/// What a name in other letters, upper for lower, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// The name in lower case, unless it is quoted.
    #[cfg(feature = "postgres")]
    Folded,
    /// The same name, where it is a column's.
    #[cfg(any(feature = "mysql", feature = "sqlite"))]
    Ignored,
}

impl Dialect {
    /// A name as the database's catalogue has it.
    pub(crate) fn catalogued(&self, name: &str) -> String {
        match self.case {
            #[cfg(feature = "postgres")]
            Case::Folded => name.to_ascii_lowercase(),
            #[cfg(any(feature = "mysql", feature = "sqlite"))]
            Case::Ignored => name.to_owned(),
        }
    }

    /// Whether a column of the catalogue is the one of this name.
    pub(crate) fn is_called(&self, found: &str, name: &str) -> bool {
        match self.case {
            #[cfg(feature = "postgres")]
            Case::Folded => found == self.catalogued(name),
            #[cfg(any(feature = "mysql", feature = "sqlite"))]
            Case::Ignored => found.eq_ignore_ascii_case(name),
        }
    }

    /// A name as SQL writes it, so that a word of SQL is one too.
    pub(crate) fn quoted(&self, name: &str) -> String {
        let quote = self.quote;
        format!("{quote}{}{quote}", self.catalogued(name))
    }

    fn spelled(&self, value: Value<'_>) -> String {
        match value {
            Value::Int(number) => number.to_string(),
            Value::Null => "NULL".to_owned(),
            Value::Text(text) => (self.literal)(text),
        }
    }
}

/// The statements for tables of these names.
pub(crate) struct Sql<'a> {
    pub(crate) names: &'a TableNames,
    pub(crate) dialect: &'static Dialect,
}

impl Sql<'_> {
    /// Every row; the columns in the order of [`Column::ALL`].
    pub(crate) fn load(&self) -> String {
        let columns = Column::ALL.map(|column| self.column(column)).join(", ");
        let order = if self.dialect.keeps_order {
            String::new()
        } else {
            format!(" ORDER BY {}", self.column(Column::Id))
        };
        format!("SELECT {columns} FROM {}{order}", self.table())
    }

    /// Fails, unless one may read this table. Returns nothing.
    pub(crate) fn touch(&self, table: &str) -> String {
        format!("SELECT 1 FROM {} LIMIT 0", self.dialect.quoted(table))
    }

    /// Values: state, `no_tries`, `last_attempt`, id, 1 if an administrator's word is behind it. State
    /// 0 is an administrator's, and replaced on the word of nobody else.
    pub(crate) fn write_status(&self) -> String {
        let column = |column| self.column(column);
        let value = |number| (self.dialect.placeholder)(number);
        let state = column(Column::State);
        format!(
            "UPDATE {} SET {state} = {}, {} = {}, {} = {} WHERE {} = {} AND ({} = 1 OR {state} <> 0)",
            self.table(),
            value(1),
            column(Column::NoTries),
            value(2),
            column(Column::LastAttempt),
            value(3),
            column(Column::Id),
            value(4),
            value(5),
        )
    }

    /// A text that is another once a row is there or gone, or holds something else in a column that nodes
    /// leave alone; of their state counts whether it is 0. Whatever else they write back makes no difference.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn checksum(&self, of_rows: fn(&[String]) -> String) -> String {
        let columns = Column::ALL.into_iter().filter_map(|column| match column {
            Column::LastAttempt | Column::NoTries => None,
            Column::State => Some(is_zero(&self.column(column))),
            _ => Some(self.column(column)),
        });
        format!("SELECT {} FROM {}", of_rows(&columns.collect::<Vec<_>>()), self.table())
    }

    /// The id of a node. Values: its cluster, its machine.
    pub(crate) fn id_of(&self) -> String {
        format!("SELECT {} FROM {}", self.column(Column::Id), self.where_key())
    }

    /// Values: cluster, machine, URL, state, `failed_attempts`, duration, description.
    pub(crate) fn insert(&self) -> String {
        let columns = [
            Column::ClusterId,
            Column::MachineId,
            Column::Url,
            Column::State,
            Column::FailedAttempts,
            Column::Duration,
            Column::Description,
        ];
        let values =
            [1, 2, 3, 4, 5, 6, 7].map(|number| (self.dialect.placeholder)(number)).join(", ");
        let columns = columns.map(|column| self.column(column)).join(", ");
        format!("INSERT INTO {} ({columns}) VALUES ({values})", self.table())
    }

    /// Values: the node's cluster, its machine.
    pub(crate) fn delete(&self) -> String {
        format!("DELETE FROM {}", self.where_key())
    }

    /// The version of a table. Value: the table.
    pub(crate) fn version(&self) -> String {
        let value = (self.dialect.placeholder)(1);
        let table = self.dialect.quoted(VERSION_TABLE);
        format!("SELECT table_version FROM {table} WHERE table_name = {value}")
    }

    /// Values: the table, its version.
    pub(crate) fn insert_version(&self) -> String {
        let [name, number] = [1, 2].map(|number| (self.dialect.placeholder)(number));
        self.inserting_version(&name, &number)
    }

    /// The same with the values in it.
    pub(crate) fn insert_version_literally(&self, table: &str, version: i64) -> String {
        let values = [Value::Text(table), Value::Int(version)];
        let [table, number] = values.map(|value| self.dialect.spelled(value));
        self.inserting_version(&table, &number)
    }

    fn inserting_version(&self, name: &str, number: &str) -> String {
        let table = self.dialect.quoted(VERSION_TABLE);
        format!("INSERT INTO {table} (table_name, table_version) VALUES ({name}, {number})")
    }

    /// The statement that adds a node to the later generation's table of this name. Values: cluster,
    /// node, URL, state, `no_ping_retries`, description.
    pub(crate) fn insert_later(&self, table: &str) -> String {
        self.inserting_later(
            table,
            &[1, 2, 3, 4, 5, 6].map(|number| (self.dialect.placeholder)(number)),
        )
    }

    /// The same with the values in it.
    pub(crate) fn insert_later_literally(&self, table: &str, values: &[Value<'_>; 6]) -> String {
        self.inserting_later(table, &values.map(|value| self.dialect.spelled(value)))
    }

    fn inserting_later(&self, table: &str, values: &[String; 6]) -> String {
        let columns = ["cluster_id", "node_id", "url", "state", "no_ping_retries", "description"]
            .map(|column| self.dialect.quoted(column));
        let table = self.dialect.quoted(table);
        format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))
    }

    /// The statements that make the table of the nodes.
    pub(crate) fn create(&self) -> Vec<String> {
        let columns = COLUMNS.map(|(column, kind)| (self.names.column(column), kind));
        self.create_nodes(self.names.table(), &columns, unique_key(self.names))
    }

    /// The statements that make the later generation's table, of this name.
    pub(crate) fn create_later(&self, table: &str) -> Vec<String> {
        self.create_nodes(table, &LATER_COLUMNS, LATER_UNIQUE_KEY)
    }

    fn create_nodes(
        &self,
        table: &str,
        columns: &[(&str, Kind)],
        unique: [&str; 2],
    ) -> Vec<String> {
        let quoted = |name| self.dialect.quoted(name);
        let defined: String = columns
            .iter()
            .map(|&(name, kind)| format!("    {} {},\n", quoted(name), self.defined(kind)))
            .collect();
        let [first, second] = unique.map(quoted);
        let options = self.dialect.table_options;
        let create = format!(
            "CREATE TABLE {} (\n{defined}    UNIQUE ({first}, {second})\n){options}",
            quoted(table)
        );
        let key = columns.iter().find(|(_, kind)| *kind == Kind::Key);
        let catalogued = |name| self.dialect.catalogued(name);
        let finish =
            key.and_then(|(key, _)| (self.dialect.finish)(&catalogued(table), &catalogued(key)));
        std::iter::once(create).chain(finish).collect()
    }

    /// The statement that makes the table of the versions, unless there is one.
    pub(crate) fn create_version(&self) -> String {
        let [name, number] = self.dialect.version;
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n    table_name {name} NOT NULL,\n    \
             table_version {number} DEFAULT 0 NOT NULL,\n    UNIQUE (table_name)\n){}",
            self.dialect.quoted(VERSION_TABLE),
            self.dialect.table_options
        )
    }

    /// The type and what follows it where a column is created.
    fn defined(&self, kind: Kind) -> String {
        let declared = (self.dialect.declared)(kind);
        match kind.default() {
            _ if kind == Kind::Key => self.dialect.key.to_owned(),
            Some(value) => format!("{declared} DEFAULT {value} NOT NULL"),
            None if kind.is_nullable() => format!("{declared} DEFAULT NULL"),
            None => format!("{declared} NOT NULL"),
        }
    }

    /// The table and the condition that picks a node by the first two values.
    fn where_key(&self) -> String {
        format!(
            "{} WHERE {} = {} AND {} = {}",
            self.table(),
            self.column(Column::ClusterId),
            (self.dialect.placeholder)(1),
            self.column(Column::MachineId),
            (self.dialect.placeholder)(2),
        )
    }

    pub(crate) fn table(&self) -> String {
        self.dialect.quoted(self.names.table())
    }

    pub(crate) fn column(&self, column: Column) -> String {
        self.dialect.quoted(self.names.column(column))
    }
}

/// Whether a value is 0, whatever its type: who made the table may have made the column a text, which is no
/// number to compare, or a number with decimals, `0.0`, or one filled up with zeros. No number is wider than the
/// text it becomes here. NULL if it is that.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn is_zero(value: &str) -> String {
    format!("(TRIM(BOTH '0' FROM CAST({value} AS CHAR(80))) IN ('', '.'))")
}
