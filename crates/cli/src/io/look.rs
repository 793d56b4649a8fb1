//! Verifying an input, while a bar shows how far it was read.

use std::io::{self, Read};

use countersign::verify::{Options, Pick, SummarizedEvent, Update, Verification, parallel};

use crate::errors::Failure;
use crate::io::input::Input;
use crate::io::progress;
use crate::io::tapped::Tapped;

/// Verifies an export.
pub(crate) fn verify(input: &mut Input, options: Options, threads: usize) -> Result<Verification, Failure> {
    read(input, |reader, progress| parallel::verify(reader, options, threads, progress, |_| ()))
}

/// Verifies an export, and looks at its events where they are hashed: see [`parallel::verify_looking`].
pub(crate) fn look<L: FnMut(&SummarizedEvent<'_>) -> Option<Pick>>(
    input: &mut Input,
    options: Options,
    threads: usize,
    look: impl Fn() -> L + Sync,
    told: impl FnMut(Update),
) -> Result<Verification, Failure> {
    look_tapped(input, |_| (), options, threads, look, told)
}

/// The same, where `tap` gets the bytes of the file too, as they are read.
pub(crate) fn look_tapped<L: FnMut(&SummarizedEvent<'_>) -> Option<Pick>>(
    input: &mut Input,
    tap: impl FnMut(&[u8]) + Send,
    options: Options,
    threads: usize,
    look: impl Fn() -> L + Sync,
    told: impl FnMut(Update),
) -> Result<Verification, Failure> {
    read(input, |reader, progress| {
        let reader = Tapped { reader, tap };
        parallel::verify_looking(reader, options, threads, look, progress, told)
    })
}

fn read(
    input: &mut Input,
    verify: impl FnOnce(&mut (dyn Read + Send), &mut (dyn FnMut(u64) + Send)) -> io::Result<Verification>,
) -> Result<Verification, Failure> {
    let bar = progress::bar("verifying", input.size());
    let name = input.name().to_owned();
    let result = verify(input.reader()?, &mut |read| bar.set_position(read));
    bar.finish_and_clear();
    result.map_err(|error| Failure::io("read", &name, &error))
}
