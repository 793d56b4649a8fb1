//! Fields named in rules, and errors in their names.

use crate::error::{AnalyzeError, explain};
use crate::fields::{Fields, Id};

/// Returns the number of a field that a rule names.
pub(crate) fn field(name: &str, line: u32, fields: &mut Fields) -> Result<Id, AnalyzeError> {
    if fields.is_beyond(name) {
        return Err(too_many(line));
    }
    fields.intern(name).map_err(|hint| no_field(name, line, hint))
}

/// Returns a number for something that findings name but that has no values of its own.
pub(super) fn named(name: String, line: u32, fields: &mut Fields) -> Result<Id, AnalyzeError> {
    if fields.is_beyond("") {
        return Err(too_many(line));
    }
    Ok(fields.label(name))
}

fn too_many(line: u32) -> AnalyzeError {
    AnalyzeError::new(
        "pack.fields",
        line,
        "a pack's rules can use at most 4,096 fields",
        "split it into several packs",
    )
}

pub(super) fn no_field(name: &str, line: u32, hint: &str) -> AnalyzeError {
    AnalyzeError::new("rule.field", line, explain!("the field `{name}` doesn't exist"), hint)
}
