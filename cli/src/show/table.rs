//! Tables: a head, rows, two spaces between.

use comfy_table::{Table, presets::NOTHING};

/// A table of these columns.
pub(crate) fn of(head: &[&str], rows: impl IntoIterator<Item = Vec<comfy_table::Cell>>) -> String {
    let mut table = Table::new();
    // Colours are taken out again where nobody could see them.
    table.load_style(NOTHING).enforce_styling();
    table.set_header(head.iter().map(|name| comfy_table::Cell::new(name.to_uppercase())));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    super::lines(table.lines().map(|line| line.trim_end().to_owned()))
}
