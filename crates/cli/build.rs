//! Puts pages into the program, as they were built before: the log server's console, `www/dist/console.html`, and the
//! auditor's page that evidence files begin with, `www/dist/index.html`.
//!
//! Nothing is built or fetched here. Where there is no console, the program says at its place how to get it; where there
//! is no page, it asks for one.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::GzBuilder;

/// Names another console, or none where it is empty: programs that are built for tests go without both pages, whatever
/// was built before.
const CHOICE: &str = "COUNTERSIGN_CONSOLE";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={CHOICE}");
    let folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?);
    let page = match env::var_os(CHOICE) {
        Some(file) if file.is_empty() => None,
        Some(file) => Some(read(Path::new(&file))?),
        None => built(&folder.join("../../www"), "dist/console.html")?,
    };
    let page = page.map_or_else(|| read(&folder.join("src/commands/serve/no-console.html")), Ok)?;
    pack(&page, &out.join("console.html.gz"))?;
    let auditors = match env::var_os(CHOICE) {
        Some(_) => None,
        None => built(&folder.join("../../www"), "dist/index.html")?,
    };
    pack(&auditors.unwrap_or_default(), &out.join("page.html.gz"))
}

fn pack(page: &[u8], file: &Path) -> io::Result<()> {
    let mut packed = GzBuilder::new().write(File::create(file)?, Compression::best());
    io::copy(&mut &*page, &mut packed)?;
    packed.finish()?;
    Ok(())
}

/// A page that was built before, if it was.
fn built(www: &Path, page: &str) -> io::Result<Option<Vec<u8>>> {
    let file = www.join(page);
    match fs::read(&file) {
        Ok(page) => {
            watch(&file);
            Ok(Some(page))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A file that is not there would count as changed each time.
            if www.is_dir() {
                watch(www);
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    watch(file);
    fs::read(file)
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("cargo sets {name}"))
}
