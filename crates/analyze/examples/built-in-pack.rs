//! Writes the pack of built-in rules to a file, for pages that embed it.

use std::env;
use std::fs;
use std::process::ExitCode;

use countersign_analyze::Pack;

fn main() -> ExitCode {
    let Some(file) = env::args_os().nth(1) else {
        eprintln!("usage: built-in-pack FILE");
        return ExitCode::FAILURE;
    };
    match fs::write(&file, format!("{}\n", Pack::built_in().as_json())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
