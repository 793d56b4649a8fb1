//! Errors of the Parquet library.

use std::{panic, process};

use countersign_parquet::Error;

use crate::errors::CliError;

/// Converts an error of the Parquet library.
pub(super) fn failed(doing: &str, name: &str, error: &Error) -> CliError {
    if let Error::External(source) = error
        && let Some(error) = source.downcast_ref::<std::io::Error>()
    {
        return CliError::io(doing, name, error);
    }
    let hint = "check that `countersign export --format parquet` wrote this file, and that it is complete";
    CliError::unusable("parquet.invalid", format!("can't {doing} the file as Parquet: {error}"), hint)
        .within(name)
}

/// Reports any later panic of the Parquet library as a fault in this file, and exits: the library panics on some
/// malformed files instead of returning an error, and a release build doesn't unwind.
pub(super) fn report_panics(name: String) {
    let otherwise = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("parquet")) {
            return otherwise(panic);
        }
        let why = panic.payload_as_str().unwrap_or("its pages are inconsistent");
        let failure = failed("read", &name, &Error::General(why.to_owned()));
        failure.report();
        process::exit(u8::from(failure.status()).into());
    }));
}
