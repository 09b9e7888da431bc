//! A benchmark's outcome: one table, for terminals, for `docs/performance.md` and for programs; where a curve says more,
//! a plot beside it.

use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Section {
    /// The benchmark's name, as on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// For `docs/performance.md` alone.
    pub(crate) plot: Option<Plot>,
    /// What one must know to read the table, a sentence or more each.
    pub(crate) notes: Vec<String>,
    /// The figures themselves.
    pub(crate) figures: Value,
}

/// One curve over time, drawn from zero.
#[derive(Debug)]
pub(crate) struct Plot {
    /// What the values are, with their unit.
    pub(crate) of: &'static str,
    /// Of the first and the last value.
    pub(crate) seconds: [u64; 2],
    /// Evenly apart.
    pub(crate) values: Vec<u64>,
}

impl Plot {
    /// For mermaid, which renderers of Markdown know.
    fn markdown(&self) -> String {
        let Self { of, seconds: [first, last], values } = self;
        let most = values.iter().max().copied().unwrap_or(0);
        let values: Vec<_> = values.iter().map(u64::to_string).collect();
        format!(
            "\n```mermaid\nxychart-beta\n    x-axis \"seconds\" {first} --> {last}\n    y-axis \"{of}\" 0 --> {}\n    \
             line [{}]\n```\n",
            most + most / 4,
            values.join(", ")
        )
    }
}

impl Section {
    pub(crate) fn text(&self) -> String {
        format!("{}\n\n{}", self.title, self.markdown())
    }

    pub(crate) fn json(&self) -> Value {
        let Self { name, title, .. } = self;
        let plot = self.plot.as_ref().map(Plot::markdown).unwrap_or_default();
        let (markdown, figures) = (self.markdown() + &plot, &self.figures);
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
            plot: None,
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

    #[test]
    fn a_plot_goes_into_the_document_and_not_on_a_terminal() {
        let plot = Plot { of: "KiB", seconds: [30, 90], values: vec![4, 8, 6] };
        let section = Section {
            name: "x",
            title: "It",
            head: vec!["work", "ns"],
            rows: Vec::new(),
            plot: Some(plot),
            notes: Vec::new(),
            figures: Value::Null,
        };
        let drawn = "\n```mermaid\nxychart-beta\n    x-axis \"seconds\" 30 --> 90\n    y-axis \"KiB\" 0 --> 10\n    \
                     line [4, 8, 6]\n```\n";
        assert!(section.json()["markdown"].as_str().unwrap().ends_with(drawn));
        assert!(!section.text().contains("mermaid"));
    }
}
