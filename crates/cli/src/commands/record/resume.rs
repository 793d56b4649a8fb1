//! Resumes a chain in an export that this key left open.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::Path;

use countersign::export::{Header, Item, Line};
use countersign::link::{ChainId, Link, signed_part};
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::recorder::Position;
use countersign::{Code, Error};

use crate::errors::{CliError, shown};
use crate::io::export;
use crate::io::input::Input;
use crate::io::output::Output;

/// An export that is locked against other runs.
pub(crate) struct LockedExport {
    input: Input,
}

/// The chain to resume.
pub(crate) struct ChainSelection<'a> {
    pub(crate) key: &'a VerifierKey,
    pub(crate) origin: Option<&'a str>,
    pub(crate) chain: Option<ChainId>,
}

/// A chain of the key.
struct Chain {
    position: Position,
    last: String,
    closed: bool,
    is_valid: bool,
}

impl LockedExport {
    /// Opens and locks an export. An export that is appended to in place must not be compressed.
    pub(crate) fn open(path: &Path, in_place: bool) -> Result<Self, CliError> {
        let mut input = Input::open(path)?;
        let name = shown(path);
        let Some(file) = input.local_file() else {
            let hint = "use a file";
            return Err(
                CliError::unusable("arguments.invalid", "only a file can be resumed", hint).within(&name)
            );
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&name)),
            Err(TryLockError::Error(error)) => return Err(CliError::io("lock", &name, &error)),
        }
        if !is_still_at(file, path).map_err(|error| CliError::io("read", &name, &error))? {
            return Err(in_use(&name));
        }
        if in_place && input.is_compressed()? {
            let hint = "decompress it first, or use -o FILE to write the whole export uncompressed";
            return Err(CliError::unusable(
                "export.invalid",
                "a compressed export can't be appended to",
                hint,
            )
            .within(&name));
        }
        Ok(Self { input })
    }

    /// Copies the export, and returns the position of its open chain.
    pub(crate) fn copy(
        &mut self,
        selection: &ChainSelection<'_>,
        output: &mut Output,
    ) -> Result<Position, CliError> {
        let name = self.input.name().to_owned();
        let mut origin: Option<String> = None;
        let mut chains: HashMap<ChainId, Chain> = HashMap::new();
        self.input.lines("reading", |line| {
            output.write(line.bytes)?;
            output.write(b"\n")?;
            if line.is_blank() {
                return Ok(());
            }
            let Some(origin) = &origin else {
                let header = Header::parse(line.bytes)?;
                if let Some(expected) = selection.origin.filter(|expected| *expected != header.origin) {
                    let message = format!("the export is for the log {:?}, not {expected:?}", header.origin);
                    let hint = "omit --origin, or resume another file";
                    return Err(CliError::unusable("arguments.invalid", message, hint));
                }
                origin = Some(header.origin);
                return Ok(());
            };
            let text = str::from_utf8(line.bytes).map_err(|_| refuse("the line is not UTF-8"))?;
            match Line::parse(text).map_err(|malformed| CliError::broken(malformed.to_error()))?.item {
                Item::Link { text, link, .. } => follow(&mut chains, selection, origin, &text, &link),
                Item::Skip { .. } => {
                    return Err(refuse("the export omits entries here, perhaps the chain's last links"));
                }
                Item::Note { .. }
                | Item::Leaf(_)
                | Item::Checkpoint { .. }
                | Item::Head { .. }
                | Item::Anchor { .. } => {}
            }
            Ok(())
        })?;
        if origin.is_none() {
            return Err(export::empty().within(&name));
        }
        choose(chains, selection).map_err(|failure| failure.within(&name))
    }
}

fn follow(
    chains: &mut HashMap<ChainId, Chain>,
    selection: &ChainSelection<'_>,
    origin: &str,
    text: &str,
    link: &Link,
) {
    let last = leaf_hash(text.as_bytes());
    if let Link::Open(open) = link {
        if open.key == *selection.key && open.origin == origin {
            let position = Position { chain: open.chain, seq: 0, last, time: open.time };
            let chain = Chain { position, last: text.into(), closed: false, is_valid: true };
            chains.entry(open.chain).and_modify(|chain| chain.is_valid = false).or_insert(chain);
        }
        return;
    }
    let Some(chain) = chains.get_mut(&link.chain()) else { return };
    let follows = link.seq() == chain.position.seq + 1 && link.prev() == Some(&chain.position.last);
    chain.is_valid &= follows && !chain.closed && link.time() >= chain.position.time;
    chain.closed |= matches!(link, Link::Close(_));
    chain.position = Position { chain: link.chain(), seq: link.seq(), last, time: link.time() };
    text.clone_into(&mut chain.last);
}

fn choose(mut chains: HashMap<ChainId, Chain>, selection: &ChainSelection<'_>) -> Result<Position, CliError> {
    chains.retain(|id, chain| !chain.closed && selection.chain.is_none_or(|wanted| wanted == *id));
    let mut ids: Vec<ChainId> = chains.keys().copied().collect();
    ids.sort_unstable();
    let chain = match &ids[..] {
        [id] => &chains[id],
        [] => {
            let message = format!("the export has no open chain of the key {}", selection.key);
            return Err(CliError::unusable("export.invalid", message, "start a new chain without --resume"));
        }
        [first, ..] => {
            let message = format!("the export has {} open chains of this key", ids.len());
            return Err(CliError::unusable(
                "arguments.invalid",
                message,
                format!("choose one with --chain, for example {first}"),
            ));
        }
    };
    if !chain.is_valid {
        return Err(refuse("the chain's links don't follow one another"));
    }
    // A signature on the next link covers all earlier links, even those of other writers.
    let signature = Link::parse(&chain.last).ok().and_then(|link| link.signature().copied());
    if !signature
        .is_some_and(|signature| selection.key.verify(signed_part(&chain.last).as_bytes(), &signature))
    {
        return Err(refuse(
            "the chain's last link is not signed by this key, so someone else may have added it",
        ));
    }
    Ok(chain.position.clone())
}

fn refuse(message: &str) -> CliError {
    let error = Error::new(Code::Export, message)
        .with_hint("run `countersign verify` for details, or start a new chain without --resume");
    CliError::broken(error)
}

fn in_use(name: &str) -> CliError {
    CliError::unusable("io.locked", "another run is appending to this export", "wait until it has ended")
        .within(name)
}

/// True if the locked file is still the one at that path, and was not replaced in between.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (here, there) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((here.dev(), here.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "open files can't be replaced there")]
fn is_still_at(_: &File, _: &Path) -> std::io::Result<bool> {
    Ok(true)
}
