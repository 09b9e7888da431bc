//! What a database has, and in what that is not what it should have.

use crate::dialect::Dialect;
use crate::schema::{COLUMNS, Kind, TABLE_VERSION, unique_key};
use crate::site::Site;
use crate::{Finding, Severity, TableNames};
use clusterer_node::{Cell, StoreError};

/// What a database has, whatever it should have.
pub(crate) struct Found {
    /// Is there a table of the versions?
    pub(crate) version_table: bool,
    /// What it holds for the table of the nodes.
    pub(crate) version: Option<Cell>,
    /// The columns of the table of the nodes; empty if there is no such table.
    pub(crate) columns: Vec<FoundColumn>,
    /// Are cluster and machine id together unique?
    pub(crate) unique: bool,
}

pub(crate) struct FoundColumn {
    pub(crate) name: String,
    pub(crate) declared: String,
    /// Does it take NULL?
    pub(crate) nullable: bool,
    /// Does it get a value other than NULL where none is given?
    pub(crate) filled: bool,
}

impl Found {
    /// Everything that is not as it should be, the worst first.
    pub(crate) fn findings(&self, names: &TableNames, dialect: &Dialect) -> Vec<Finding> {
        let table = || names.table().to_owned();
        if self.columns.is_empty() {
            return vec![Finding::MissingTable { table: table() }];
        }
        let mut findings: Vec<_> = self.other_version(names).into_iter().collect();
        for (column, kind) in COLUMNS {
            let name = names.column(column);
            match self.columns.iter().find(|found| dialect.is_called(&found.name, name)) {
                None => findings.push(Finding::MissingColumn {
                    table: table(),
                    column: name.to_owned(),
                    key: TableNames::key(column),
                }),
                Some(found) => {
                    if !(dialect.accepts)(kind, &found.declared) {
                        findings.push(Finding::WrongType {
                            table: table(),
                            column: name.to_owned(),
                            found: found.declared.clone(),
                            want: (dialect.declared)(kind),
                        });
                    }
                    findings.extend(found.constraint(names.table(), kind));
                }
            }
        }
        let is_ours = |found: &FoundColumn| {
            COLUMNS.iter().any(|(column, _)| dialect.is_called(&found.name, names.column(*column)))
        };
        let others = self.columns.iter().filter(|found| !is_ours(found));
        findings.extend(
            others
                .filter(|found| !found.nullable && !found.filled)
                .map(|found| Finding::Required { table: table(), column: found.name.clone() }),
        );
        if !self.unique {
            let columns = unique_key(names).map(ToOwned::to_owned);
            findings.push(Finding::NoUniqueKey { table: table(), columns });
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
        findings
    }

    /// The first reason why the table cannot be used at all.
    pub(crate) fn require(&self, site: &Site, dialect: &Dialect) -> Result<(), StoreError> {
        first_fatal(self.findings(site.names(), dialect), site)
    }

    /// The first reason why it could not be used after all that is missing has been created.
    pub(crate) fn require_creatable(
        &self,
        site: &Site,
        dialect: &Dialect,
    ) -> Result<(), StoreError> {
        let names = site.names();
        let mut findings = if self.columns.is_empty() {
            self.other_version(names).into_iter().collect()
        } else {
            self.findings(names, dialect)
        };
        findings.retain(|finding| !matches!(finding, Finding::Version { found: None, .. }));
        first_fatal(findings, site)
    }

    fn other_version(&self, names: &TableNames) -> Option<Finding> {
        let is_ours = self.version == Some(Cell::Int(TABLE_VERSION.into()));
        let found = self.version.as_ref().map(shown);
        (!is_ours).then(|| Finding::Version { table: names.table().to_owned(), found })
    }
}

fn first_fatal(findings: Vec<Finding>, site: &Site) -> Result<(), StoreError> {
    let fatal = findings.into_iter().find(|finding| finding.severity() == Severity::Fatal);
    let Some(finding) = fatal else { return Ok(()) };
    let advice = match &finding {
        Finding::MissingColumn { key, .. } => {
            format!("set {key} to the column's name, or add the column")
        }
        Finding::Version { found: Some(_), .. } => {
            "set db_url and db_table to a table of that version".to_owned()
        }
        _ => site.init_advice(),
    };
    Err(site.schema(&finding.to_string(), &advice))
}

impl FoundColumn {
    /// What is wrong with a column of ours beside its type. A default of another value is a choice, and a
    /// NULL does no harm until it is there, which is another finding.
    fn constraint(&self, table: &str, kind: Kind) -> Option<Finding> {
        let (table, column) = (table.to_owned(), self.name.clone());
        match kind.default() {
            _ if kind == Kind::Key && !self.filled => Some(Finding::NotNumbered { table, column }),
            Some(want) if !self.filled => Some(Finding::MissingDefault { table, column, want }),
            None if kind.is_nullable() && !self.nullable => {
                Some(Finding::Required { table, column })
            }
            _ => None,
        }
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
