//! Tables for people: columns two blanks apart, nothing around them.

use crate::screen::{Paint, Tone, printable};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Rows under a header.
pub(crate) struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<Field>>,
}

/// A field of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    is_number: bool,
    tone: Option<Tone>,
}

impl Field {
    pub(crate) fn text(text: &str) -> Self {
        Self { text: printable(text).into_owned(), ..Self::default() }
    }

    /// A column of numbers is aligned at the right.
    pub(crate) fn number(text: &str) -> Self {
        Self { is_number: true, ..Self::text(text) }
    }

    pub(crate) fn with_tone(self, tone: Tone) -> Self {
        Self { tone: Some(tone), ..self }
    }

    /// What is shown, control characters escaped.
    pub(crate) fn shown(&self) -> &str {
        &self.text
    }

    /// In columns of a terminal.
    pub(crate) fn width(&self) -> usize {
        self.text.width()
    }
}

impl Grid {
    pub(crate) fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        let header = header.into_iter().map(|name| printable(name).into_owned()).collect();
        Self { header, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Field>) {
        self.rows.push(row.into_iter().collect());
    }

    /// Lines, each after `indent` blanks and without blanks at its end.
    pub(crate) fn render(&self, paint: Paint, indent: usize) -> String {
        let column = |index: usize| self.rows.iter().filter_map(move |row| row.get(index));
        let columns: Vec<(usize, bool)> = (0..)
            .zip(&self.header)
            .map(|(index, name)| {
                let widest = column(index).map(Field::width).max().unwrap_or_default();
                let is_number =
                    column(index).next().is_some() && column(index).all(|it| it.is_number);
                (widest.max(name.width()), is_number)
            })
            .collect();
        let header: Vec<Field> =
            self.header.iter().map(|name| Field::text(name).with_tone(Tone::Heading)).collect();
        let mut out = String::new();
        for row in [&header].into_iter().chain(&self.rows) {
            out.push_str(&line(row, &columns, paint, indent));
        }
        out
    }
}

fn line(row: &[Field], columns: &[(usize, bool)], paint: Paint, indent: usize) -> String {
    let mut line = " ".repeat(indent);
    for (index, (field, (width, at_right))) in row.iter().zip(columns).enumerate() {
        let gap = " ".repeat(width.saturating_sub(field.width()));
        let text = match field.tone {
            Some(tone) => paint.paint(tone, &field.text),
            None => field.text.clone(),
        };
        line.push_str(if index == 0 { "" } else { "  " });
        // Writing to a String cannot fail.
        let _ = if *at_right { write!(line, "{gap}{text}") } else { write!(line, "{text}{gap}") };
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_they_show() {
        let mut grid = Grid::new(["n", "name", ""]);
        grid.push([Field::number("1"), Field::text("日本"), Field::text("")]);
        grid.push([Field::number("100"), Field::text("a\tb"), Field::text("x")]);
        assert_eq!(grid.render(Paint::OFF, 2), "    n  name\n    1  日本\n  100  a\\tb  x\n");
        assert_eq!(Grid::new(["n", "name"]).render(Paint::OFF, 0), "n  name\n");
    }
}
