//! A benchmark's outcome: one table, for terminals, for `docs/performance.md` and for programs.

use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Section {
    /// The benchmark's name, as on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What one must know to read the table, a sentence or more each.
    pub(crate) notes: Vec<String>,
    /// The figures themselves.
    pub(crate) figures: Value,
}

impl Section {
    pub(crate) fn text(&self) -> String {
        format!("{}\n\n{}", self.title, self.markdown())
    }

    pub(crate) fn json(&self) -> Value {
        let Self { name, title, .. } = self;
        let (markdown, figures) = (self.markdown(), &self.figures);
        json!({ "name": name, "title": title, "markdown": markdown, "figures": figures })
    }

    /// The table, with columns of one width so that it is read on a terminal too, and the notes.
    fn markdown(&self) -> String {
        let head: Vec<String> = self.head.iter().map(ToString::to_string).collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = self.rows.iter().chain([&head]).filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
            })
            .collect();
        let line = |row: &[String]| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| match column {
                0 => format!("| {cell:<width$} "),
                _ => format!("| {cell:>width$} "),
            });
            cells.collect::<String>() + "|\n"
        };
        let rule = (0..).zip(&widths).map(|(column, &width)| match column {
            0 => format!("|{}", "-".repeat(width + 2)),
            _ => format!("|{}:", "-".repeat(width + 1)),
        });
        let mut text = line(&head) + &rule.collect::<String>() + "|\n";
        text.extend(self.rows.iter().map(|row| line(row)));
        text.extend(self.notes.iter().map(|note| format!("\n{note}\n")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_figures_stand_right() {
        let section = Section {
            name: "x",
            title: "It",
            head: vec!["work", "ns"],
            rows: vec![vec!["a".into(), "10".into()], vec!["longer".into(), "1234".into()]],
            notes: vec!["So it is.".into()],
            figures: Value::Null,
        };
        let expected = "\
            It\n\n\
            | work   |   ns |\n\
            |--------|-----:|\n\
            | a      |   10 |\n\
            | longer | 1234 |\n\
            \nSo it is.\n";
        assert_eq!(section.text(), expected);
        assert_eq!(section.json()["markdown"], expected.strip_prefix("It\n\n").unwrap());
    }
}
