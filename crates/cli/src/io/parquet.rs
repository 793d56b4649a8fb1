//! Events as rows of Parquet: written from an export that verifies, and compared with one.

mod compare;
mod days;
mod rows;
mod write;

pub(crate) use compare::compare;
pub(crate) use rows::Rows;
pub(crate) use write::{Partition, write};

use std::{panic, process};

use countersign_parquet::Error;

use crate::errors::CliError;

/// What Parquet's library met.
fn failed(doing: &str, name: &str, error: &Error) -> CliError {
    if let Error::External(source) = error
        && let Some(error) = source.downcast_ref::<std::io::Error>()
    {
        return CliError::io(doing, name, error);
    }
    let hint = "is it a file that `countersign export --format parquet` wrote, and is it whole?";
    CliError::unusable("parquet.invalid", format!("cannot {doing} it as Parquet: {error}"), hint).within(name)
}

/// From here on, reports a panic of Parquet's library as what is wrong with this file, and ends the program: there are
/// damaged files at which it panics in place of an error, and a released program doesn't unwind.
fn report_panics(name: String) {
    let otherwise = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("parquet")) {
            return otherwise(panic);
        }
        let why = panic.payload_as_str().unwrap_or("its pages do not fit together");
        let failure = failed("read", &name, &Error::General(why.to_owned()));
        failure.report();
        process::exit(u8::from(failure.status()).into());
    }));
}
