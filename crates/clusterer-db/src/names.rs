//! The table's and the columns' names, as the configuration gives them.

use clusterer_node::Column;

/// The longest name in bytes: what the strictest of the databases keeps of one.
const LONGEST: usize = 63;

/// The table in which OpenSIPS keeps the versions of the others.
pub(crate) const VERSION_TABLE: &str = "version";

/// What the table and its ten columns are called. The default is the manual's.
///
/// Every name is checked when it is set, so that it can be quoted for any database: letters, digits
/// and underscores of ASCII, at most 63 bytes, no digit first. No two columns share a name.
///
/// ```
/// use clusterer_db::TableNames;
/// use clusterer_node::Column;
///
/// let names = TableNames::new([("db_table", "nodes"), ("url_col", "address")]).unwrap();
/// assert_eq!(names.table(), "nodes");
/// assert_eq!(names.column(Column::Url), "address");
/// assert_eq!(names.column(Column::State), "state");
///
/// let error = TableNames::new([("url_col", "url; DROP TABLE x")]).unwrap_err();
/// assert_eq!(error.key(), "url_col");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    table: String,
    /// In the order of [`Column::ALL`].
    columns: [String; 10],
}

/// Why a name cannot be used. Names the configuration key that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A character other than a letter, a digit or an underscore, or a digit first.
    #[error("{key}: {name:?} is no name (want letters, digits and underscores, no digit first)")]
    Characters {
        /// The configuration key.
        key: &'static str,
        /// Its value.
        name: String,
    },
    /// The name is empty.
    #[error("{key}: the name is empty")]
    Empty {
        /// The configuration key.
        key: &'static str,
    },
    /// The table has the name of OpenSIPS' own `version` table.
    #[error("db_table: {name:?} is the table that holds the versions of the other tables")]
    Reserved {
        /// The value of `db_table`.
        name: String,
    },
    /// Two columns have one name. Databases ignore case, so does this.
    #[error("{key}: {name:?} is also what {other} is set to")]
    Shared {
        /// The configuration key.
        key: &'static str,
        /// The key that has the same value.
        other: &'static str,
        /// The value.
        name: String,
    },
    /// More than 63 bytes.
    #[error("{key}: the name has {length} bytes, at most {LONGEST} fit")]
    TooLong {
        /// The configuration key.
        key: &'static str,
        /// The length of its value in bytes.
        length: usize,
    },
    /// No such configuration key.
    #[error("{key:?} is no key for the name of a table or a column")]
    UnknownKey {
        /// The key.
        key: String,
    },
}

impl NameError {
    /// The configuration key to change.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Characters { key, .. }
            | Self::Empty { key }
            | Self::Shared { key, .. }
            | Self::TooLong { key, .. } => key,
            Self::Reserved { .. } => TableNames::TABLE_KEY,
            Self::UnknownKey { key } => key,
        }
    }
}

impl TableNames {
    /// The configuration key of the table's name.
    pub const TABLE_KEY: &'static str = "db_table";

    /// The configuration keys of the columns' names, in the order of [`Column::ALL`].
    pub const COLUMN_KEYS: [&'static str; 10] = [
        "clusterer_id_col",
        "cluster_id_col",
        "machine_id_col",
        "url_col",
        "state_col",
        "last_attempt_col",
        "failed_attempts_col",
        "no_tries_col",
        "duration_col",
        "description_col",
    ];

    /// The default names, but for these settings: pairs of a configuration key and a name. Of two
    /// settings with one key the last counts.
    ///
    /// # Errors
    /// [`NameError`]: the first setting that cannot be used, or two columns with one name.
    pub fn new<'a>(
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, NameError> {
        let mut names = Self::default();
        for (key, name) in settings {
            let (key, slot) = names
                .slots()
                .find(|(known, _)| *known == key)
                .ok_or_else(|| NameError::UnknownKey { key: key.to_owned() })?;
            *slot = checked(key, name)?;
        }
        if names.table.eq_ignore_ascii_case(VERSION_TABLE) {
            return Err(NameError::Reserved { name: names.table });
        }
        names.distinct()
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// A column's name.
    #[must_use]
    pub fn column(&self, column: Column) -> &str {
        Column::ALL
            .iter()
            .zip(&self.columns)
            .find(|(known, _)| **known == column)
            .map_or(column.name(), |(_, name)| name)
    }

    /// The configuration key that names a column.
    #[must_use]
    pub fn key(column: Column) -> &'static str {
        Column::ALL
            .iter()
            .zip(Self::COLUMN_KEYS)
            .find(|(known, _)| **known == column)
            .map_or(column.name(), |(_, key)| key)
    }

    fn slots(&mut self) -> impl Iterator<Item = (&'static str, &mut String)> {
        std::iter::once((Self::TABLE_KEY, &mut self.table))
            .chain(Self::COLUMN_KEYS.into_iter().zip(&mut self.columns))
    }

    fn distinct(self) -> Result<Self, NameError> {
        let mut seen: Vec<(&'static str, &str)> = Vec::with_capacity(self.columns.len());
        for (key, name) in Self::COLUMN_KEYS.into_iter().zip(&self.columns) {
            if let Some((other, _)) =
                seen.iter().find(|(_, before)| before.eq_ignore_ascii_case(name))
            {
                return Err(NameError::Shared { key, other, name: name.clone() });
            }
            seen.push((key, name));
        }
        Ok(self)
    }
}

impl Default for TableNames {
    fn default() -> Self {
        Self {
            table: "clusterer".to_owned(),
            columns: Column::ALL.map(|column| column.name().to_owned()),
        }
    }
}

fn checked(key: &'static str, name: &str) -> Result<String, NameError> {
    if name.is_empty() {
        return Err(NameError::Empty { key });
    }
    if name.len() > LONGEST {
        return Err(NameError::TooLong { key, length: name.len() });
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(allowed) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(NameError::Characters { key, name: name.to_owned() });
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(settings: &[(&str, &str)]) -> String {
        TableNames::new(settings.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_the_manual_s() {
        let names = TableNames::new([]).unwrap();
        assert_eq!(names, TableNames::default());
        assert_eq!(names.table(), "clusterer");
        assert_eq!(Column::ALL.map(|column| names.column(column)), Column::ALL.map(Column::name));
    }

    #[test]
    fn each_key_sets_its_column_and_no_other() {
        for column in Column::ALL {
            let names = TableNames::new([(TableNames::key(column), "other")]).unwrap();
            for each in Column::ALL {
                let want = if each == column { "other" } else { each.name() };
                assert_eq!(names.column(each), want, "{column} set, {each} read");
            }
        }
        assert_eq!(TableNames::key(Column::Id), "clusterer_id_col");
        assert_eq!(TableNames::key(Column::MachineId), "machine_id_col");
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_key() {
        assert_eq!(error(&[("url_col", "")]), "url_col: the name is empty");
        assert_eq!(
            error(&[("db_table", "clusterer\"; DROP TABLE version; --")]),
            "db_table: \"clusterer\\\"; DROP TABLE version; --\" is no name \
             (want letters, digits and underscores, no digit first)"
        );
        for wrong in ["7nodes", "a b", "a-b", "a.b", "a`b", "a\0b", "größe", "a'b", "[a]", "a\nb"]
        {
            assert!(error(&[("state_col", wrong)]).starts_with("state_col: "), "{wrong:?}");
        }
        assert_eq!(
            error(&[("db_table", &"x".repeat(64))]),
            "db_table: the name has 64 bytes, at most 63 fit"
        );
        assert!(TableNames::new([("db_table", "x".repeat(63).as_str())]).is_ok());
        assert_eq!(
            error(&[("server_id", "x")]),
            "\"server_id\" is no key for the name of a table or a column"
        );
    }

    #[test]
    fn two_columns_never_share_a_name() {
        assert_eq!(
            error(&[("state_col", "URL")]),
            "state_col: \"URL\" is also what url_col is set to"
        );
        assert!(TableNames::new([("state_col", "url"), ("url_col", "state")]).is_ok());
    }

    #[test]
    fn the_version_table_is_not_taken_for_nodes() {
        assert!(error(&[("db_table", "Version")]).starts_with("db_table: "));
    }

    proptest! {
        #[test]
        fn no_accepted_name_needs_escaping(name in "\\PC{0,70}") {
            if TableNames::new([("db_table", name.as_str())]).is_ok() {
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            }
        }
    }
}
