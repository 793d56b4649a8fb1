//! Events as rows of Parquet: written from an export that verifies, and compared with one.

mod bits;
mod compare;
mod days;
mod rows;
mod write;

pub(crate) use compare::compare;
pub(crate) use rows::Rows;
pub(crate) use write::{Partition, write};

use countersign_parquet::Error;

use crate::errors::Failure;

/// What Parquet's library met.
fn failed(doing: &str, name: &str, error: &Error) -> Failure {
    if let Error::External(source) = error
        && let Some(error) = source.downcast_ref::<std::io::Error>()
    {
        return Failure::io(doing, name, error);
    }
    let hint = "is it a file that `countersign export --format parquet` wrote, and is it whole?";
    Failure::unusable("parquet.invalid", format!("cannot {doing} it as Parquet: {error}"), hint).within(name)
}
