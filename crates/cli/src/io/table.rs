//! Tables without borders.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// Returns a table with these column names and no rows. Its lines are as wide as their cells, on any terminal.
pub(crate) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(names);
    table
}

/// Returns the lines of a table, without spaces at their ends.
pub(crate) fn text(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
