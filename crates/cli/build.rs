//! Embeds prebuilt pages: the log's console, `www/dist/console.html`, and the auditor's page that starts evidence
//! files, `www/dist/index.html`.
//!
//! Nothing is built or downloaded here. Without a console, the program serves instructions to get it; without an
//! auditor's page, it requires --page.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::GzBuilder;

/// Selects another console, or no pages if empty. Test builds use this to be independent of earlier builds.
const CONSOLE_VARIABLE: &str = "COUNTERSIGN_CONSOLE";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={CONSOLE_VARIABLE}");
    let folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?);
    let page = match env::var_os(CONSOLE_VARIABLE) {
        Some(file) if file.is_empty() => None,
        Some(file) => Some(read(Path::new(&file))?),
        None => find_built(&folder.join("../../www"), "dist/console.html")?,
    };
    println!("cargo::rustc-check-cfg=cfg(has_console)");
    if page.is_some() {
        println!("cargo::rustc-cfg=has_console");
    }
    let page = page.map_or_else(|| read(&folder.join("src/commands/serve/no-console.html")), Ok)?;
    pack(&page, &out.join("console.html.gz"))?;
    let auditors = match env::var_os(CONSOLE_VARIABLE) {
        Some(_) => None,
        None => find_built(&folder.join("../../www"), "dist/index.html")?,
    };
    pack(&auditors.unwrap_or_default(), &out.join("page.html.gz"))
}

fn pack(page: &[u8], file: &Path) -> io::Result<()> {
    let mut packed = GzBuilder::new().write(File::create(file)?, Compression::best());
    io::copy(&mut &*page, &mut packed)?;
    packed.finish()?;
    Ok(())
}

/// Returns a page, if it was built.
fn find_built(www: &Path, page: &str) -> io::Result<Option<Vec<u8>>> {
    let file = www.join(page);
    match fs::read(&file) {
        Ok(page) => {
            watch(&file);
            Ok(Some(page))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A missing file would count as changed each time.
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
