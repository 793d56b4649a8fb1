//! Verifies inputs and visits their events, with a progress bar.

use std::io::Read;

use countersign::verify::{
    EventVisitor, Options, SelectedItem, SummarizedEvent, Verification, VisitError, parallel,
};

use crate::errors::CliError;
use crate::io::input::Input;
use crate::io::progress;

/// Verifies an export and visits its events; see [`parallel::visit`].
pub(crate) fn visit<V, X>(
    input: &mut Input,
    options: Options,
    threads: usize,
    examiner: impl Fn() -> X + Sync,
    visitor: &mut V,
) -> Result<Verification, CliError>
where
    V: EventVisitor<Error = CliError>,
    X: FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<V::Item>>,
{
    read(input, |reader, progress| parallel::visit(reader, options, threads, examiner, visitor, progress))
}

/// Verifies an export.
pub(crate) fn verify(input: &mut Input, options: Options, threads: usize) -> Result<Verification, CliError> {
    read(input, |reader, progress| {
        parallel::verify(reader, options, threads, progress, |_| ()).map_err(VisitError::Read)
    })
}

fn read(
    input: &mut Input,
    verify: impl FnOnce(
        &mut (dyn Read + Send),
        &mut (dyn FnMut(u64) + Send),
    ) -> Result<Verification, VisitError<CliError>>,
) -> Result<Verification, CliError> {
    let bar = progress::bar("verifying", input.size());
    let name = input.name().to_owned();
    let result = verify(input.reader()?, &mut |read| bar.set_position(read));
    bar.finish_and_clear();
    let verification = result.map_err(|error| match error {
        VisitError::Read(error) => CliError::io("read", &name, &error),
        VisitError::Visitor(failure) => failure,
    })?;
    input.finish()?;
    Ok(verification)
}
