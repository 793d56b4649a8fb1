//! The fields that rules name, and what is wrong with one.

use crate::error::{AnalyzeError, told};
use crate::fields::{Fields, Id};

/// The number of a field that a rule names.
pub(crate) fn field(name: &str, line: u32, fields: &mut Fields) -> Result<Id, AnalyzeError> {
    if fields.is_beyond(name) {
        return Err(too_many(line));
    }
    fields.intern(name).map_err(|hint| no_field(name, line, hint))
}

/// The number of something that findings name, and that has no values of its own.
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
        "the rules of a pack ask for at most 4,096 fields",
        "make several packs",
    )
}

pub(super) fn no_field(name: &str, line: u32, hint: &str) -> AnalyzeError {
    AnalyzeError::new("rule.field", line, told!("there is no field `{name}`"), hint)
}
