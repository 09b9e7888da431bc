//! What the databases have in common: a [`TestDatabase`] of each test's own, and what must hold on every kind.

pub(crate) mod admin;
pub(crate) mod malformed;
pub(crate) mod schema;
pub(crate) mod upgrade;

use clusterer_db::{Admin, DbUrl, Options, TableNames};
use clusterer_node::{NodeStore, RawRow, StoreError};
use clusterer_tests::conformance::{Provisioned, wait};
use std::time::Duration;

/// A database of a test's own, which is gone at its end.
pub(crate) trait TestDatabase: Provisioned + Sized {
    /// Makes a table that takes anything that fits a column's type, and numbers no rows.
    const LAX: &'static str;

    /// A query for the names of all tables.
    const TABLES: &'static str;

    /// What stands on both sides of a name.
    const QUOTE: char;

    /// Whether `test` can run here; reports it as skipped if not.
    fn runs_here(test: &str) -> bool;

    /// A place for the tables, without any.
    fn empty() -> Self;

    fn url(&self) -> DbUrl;

    fn options(&self) -> &Options;

    /// The same database, worked with in another way.
    fn with_options(self, change: impl FnOnce(Options) -> Options) -> Self;

    /// Does this as somebody else, with every right.
    fn sql(&self, statements: &str);

    /// The first column of the rows of a query, as somebody else sees it.
    fn texts(&self, query: &str) -> Vec<String>;

    fn insert(&self, rows: &[RawRow]);

    /// Makes a column of a lax table a text.
    fn make_text(&self, column: &str);

    /// A text without the parts that differ from run to run.
    fn plain(&self, text: &impl ToString) -> String;

    /// One with the tables.
    fn new() -> Self {
        let database = Self::empty();
        database.admin().init().unwrap();
        database
    }

    /// One with these rows.
    fn with(rows: &[RawRow]) -> Self {
        let database = Self::new();
        database.insert(rows);
        database
    }

    /// One with a lax table, and this row.
    fn lax(row: &RawRow) -> Self {
        let database = Self::new();
        database.make_lax(row);
        database
    }

    /// Puts a lax table with this row in the table's place.
    fn make_lax(&self, row: &RawRow) {
        self.sql("DROP TABLE clusterer");
        self.sql(Self::LAX);
        self.insert(std::slice::from_ref(row));
    }

    /// Puts tables with this row in the place of what is there. A server takes its time for a new database.
    fn make_anew(&self, row: &RawRow) {
        self.sql("DROP TABLE IF EXISTS clusterer; DROP TABLE IF EXISTS version");
        self.admin().init().unwrap();
        self.insert(std::slice::from_ref(row));
    }

    /// One without tables, whose table and columns are to have other names.
    fn named<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::empty().renamed(settings)
    }

    fn renamed<'a>(self, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let names = TableNames::new(settings).unwrap();
        self.with_options(|options| options.names(names))
    }

    /// The same database, for whoever does not wait long for a lock.
    fn impatient(self) -> Self {
        self.with_options(|options| options.lock_timeout(Duration::from_millis(100)))
    }

    fn admin(&self) -> Admin {
        Admin::new(&self.url(), self.options())
    }

    fn open(&self) -> Result<Box<dyn NodeStore>, StoreError> {
        wait(clusterer_db::open(&self.url(), self.options()))
    }

    /// Why the store does not open.
    fn open_error(&self) -> StoreError {
        open_error(&self.url(), self.options())
    }

    fn tables(&self) -> Vec<String> {
        self.texts(Self::TABLES)
    }
}

pub(crate) fn open_error(url: &DbUrl, options: &Options) -> StoreError {
    match wait(clusterer_db::open(url, options)) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

/// Makes tests of what must hold on every kind of database, for this [`TestDatabase`].
macro_rules! suite {
    ($database:ty) => {
        $crate::shared::each_test! {
            shared, $database, <$database as $crate::shared::TestDatabase>::runs_here =>
            admin {
                init_creates_what_is_missing_and_nothing_else
                several_who_init_at_once_all_succeed
                init_changes_nothing_where_something_is_wrong
                a_node_is_added_listed_and_removed
                what_could_not_be_loaded_is_not_added
                a_machine_is_once_in_a_cluster
                a_table_that_does_not_number_its_rows_takes_no_new_one
                check_reads_the_rows_of_another_version_too
                administration_works_inside_a_runtime
            }
            malformed {
                null_in_any_column
                text_in_any_column_of_numbers
                a_number_out_of_range
                a_time_that_is_none_does_not_cost_the_row
                a_url_that_cannot_be_read
                a_second_row_with_one_id_or_key_is_found
            }
            schema {
                what_is_no_such_table_says_what_to_do
                names_from_the_configuration_are_used_everywhere
                two_tables_in_one_database_have_a_version_each
                a_column_that_is_not_there_is_never_taken_for_a_text
                only_an_index_over_both_ids_of_every_row_keeps_them_unique
            }
            upgrade {
                a_plan_changes_nothing_and_what_was_planned_is_written
                the_script_does_the_same
                nothing_is_overwritten
                of_several_who_write_at_once_one_does
                a_name_that_cannot_be_used_is_refused
                a_table_that_is_not_of_version_1_is_not_read
            }
        }
    };
}

/// Makes tests of these functions of the modules of `$parent`, for this type, where `$runs_here` says so.
macro_rules! each_test {
    ($parent:ident, $of:ty, $runs_here:expr => $($module:ident { $($name:ident)+ })+) => {
        $(mod $module {
            $($crate::shared::each_test! { @one $parent $module $name, $of, $runs_here })+
        })+
    };
    (@one $parent:ident $module:ident $name:ident, $of:ty, $runs_here:expr) => {
        #[test]
        fn $name() {
            let runs_here: fn(&str) -> bool = $runs_here;
            if runs_here(concat!(module_path!(), "::", stringify!($name))) {
                $crate::$parent::$module::$name::<$of>();
            }
        }
    };
}
pub(crate) use {each_test, suite};
