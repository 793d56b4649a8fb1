//! Signs a text as a note: `sign-note KEY TEXT NOTE`, with paths of three files.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use countersign::note::{SignerKey, sign_note};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [key, text, note] = &*files else { return Err("usage: sign-note KEY TEXT NOTE".into()) };
    let key = SignerKey::parse(fs::read_to_string(key)?.trim())?;
    fs::write(note, sign_note(&fs::read_to_string(text)?, &key)?)?;
    Ok(())
}
