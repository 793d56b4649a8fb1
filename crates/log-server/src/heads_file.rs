//! The file in the folder of a root log that records the newest head of each tenant log before it is shown.
//!
//! It starts with 160 bytes that name its format. Each tenant has two slots of 80 bytes after that, at 160 times the
//! tenant's number:
//!
//! | bytes of a slot | content |
//! | --- | --- |
//! | 0 to 15 | ID |
//! | 16 to 23 | tick, big-endian |
//! | 24 to 31 | number of entries, big-endian |
//! | 32 to 63 | root hash |
//! | 64 | state, as in a directory (SPEC section 16.2) |
//! | 65 to 79 | the first 15 bytes of the SHA-256 of the root log's origin, the number, and bytes 0 to 64 |
//!
//! A head replaces the older one of the two, so that a write that a crash cuts off leaves the newer one. Slots without
//! a head are zero. Unlike the database, the file isn't part of a backup: it survives the restore of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::tenant::State;
use countersign_files::{open_private, sync_folder};
use countersign_log::store::StoreError;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::memory::{RememberedHead, TenantHeadMemory};
use countersign_log::tenants::tenant::TenantNumber;

use crate::signed_file::identity::Identity;

/// The file's name within the log's folder.
pub const FILE: &str = "heads.bin";
/// The name of a new file until it is complete.
const TEMPORARY_FILE: &str = ".heads.bin.unfinished";
/// The start of the file.
const VERSION: &[u8] = b"countersign/v1 heads\n";
const SLOT_BYTES: usize = 80;
const PAIR_BYTES: usize = 2 * SLOT_BYTES;
const CHECKED_BYTES: usize = 65;

/// The content of a folder's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadsFileContent {
    /// True if the file exists.
    pub exists: bool,
    /// True if the file starts as it should.
    pub has_version: bool,
    /// The newest head of each tenant log, ascending by tenant.
    pub heads: Vec<RememberedHead>,
    /// The number of slots with neither a head nor zeros. A crash leaves a few at most.
    pub invalid: u64,
    /// For each number, 0 without a head, otherwise 1 plus the slot of the newest one.
    newest: Vec<u8>,
}

/// The file of a folder, as the memory of a running server.
pub struct TenantHeadsFile {
    folder: PathBuf,
    origin: String,
    file: File,
    heads: Vec<RememberedHead>,
    newest: Vec<u8>,
}

impl TenantHeadsFile {
    /// Reads the file of a folder. A server may be writing to it.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(folder: &Path, origin: &str) -> Result<HeadsFileContent, StoreError> {
        let failed = |error| StoreError::unavailable("reading heads.bin", error);
        match File::open(folder.join(FILE)) {
            Ok(file) => parse(BufReader::with_capacity(64 << 10, file), origin).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadsFileContent::default()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Opens the file of a folder, and creates it if it is missing. Heads that were in a missing file stay unknown.
    ///
    /// # Errors
    /// If the file can't be read or written.
    pub fn open(folder: &Path, origin: &str) -> Result<Self, StoreError> {
        let HeadsFileContent { exists, has_version, heads, invalid, newest } = Self::read(folder, origin)?;
        if invalid > 0 {
            tracing::warn!(invalid, "some heads in {FILE} are damaged, or were cut off by a crash");
        }
        let failed = |error| StoreError::unavailable("writing heads.bin", error);
        let file = if exists { open(folder) } else { create(folder, &mut io::empty()) }.map_err(failed)?;
        let mut this = Self { folder: folder.to_owned(), origin: origin.to_owned(), file, heads, newest };
        if !has_version {
            this.write_at(0, VERSION).map_err(failed)?;
        }
        Ok(this)
    }

    fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position))?;
        self.file.write_all(bytes)
    }

    fn write(&mut self, tick: u64, heads: &[SlotHead]) -> io::Result<()> {
        self.check_place()?;
        for head in heads {
            let slot = next_slot(self.newest.get(head.number.get() as usize));
            let position =
                u64::from(head.number.get()) * PAIR_BYTES as u64 + u64::from(slot) * SLOT_BYTES as u64;
            self.write_at(position, &encode(&self.origin, &RememberedHead { tick, head: *head }))?;
        }
        self.file.sync_data()?;
        for head in heads {
            let number = head.number.get() as usize;
            let slot = next_slot(self.newest.get(number));
            if self.newest.len() <= number {
                self.newest.resize(number + 1, 0);
            }
            self.newest[number] = slot + 1;
        }
        Ok(())
    }

    /// Checks that the open file is the one in the folder. A write to another one would be lost.
    fn check_place(&mut self) -> io::Result<()> {
        match fs::metadata(self.folder.join(FILE)) {
            Ok(there) => {
                let open = Identity::from_metadata(&self.file.metadata()?);
                if Identity::from_metadata(&there).may_be(open) {
                    return Ok(());
                }
                let why = "the file was replaced while the server is running; put the original back, or stop the server";
                Err(io::Error::other(why))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!("{FILE} was deleted or moved while the server is running; writing it again");
                self.file.seek(SeekFrom::Start(0))?;
                self.file = create(&self.folder, &mut self.file)?;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl TenantHeadMemory for TenantHeadsFile {
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError> {
        Ok(std::mem::take(&mut self.heads))
    }

    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError> {
        self.write(tick, heads).map_err(|error| StoreError::unavailable("writing heads.bin", error))
    }
}

/// Orders two heads of a tenant log.
fn order(remembered: &RememberedHead) -> (u64, u64) {
    (remembered.tick, remembered.head.size)
}

/// Returns the slot for the next head: the one without the newest.
fn next_slot(newest: Option<&u8>) -> u8 {
    u8::from(newest == Some(&1))
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(folder.join(FILE))
}

/// Creates the file with this content.
fn create(folder: &Path, content: &mut dyn Read) -> io::Result<File> {
    let path = folder.join(TEMPORARY_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = open_private(&path, |options| options.read(true).write(true).create_new(true))?;
    if io::copy(content, &mut file)? == 0 {
        file.write_all(VERSION)?;
    }
    file.sync_all()?;
    fs::rename(&path, folder.join(FILE))?;
    sync_folder(folder)?;
    Ok(file)
}

fn parse(mut file: impl Read, origin: &str) -> io::Result<HeadsFileContent> {
    let mut content = HeadsFileContent { exists: true, ..HeadsFileContent::default() };
    let mut pair = Vec::with_capacity(PAIR_BYTES);
    for number in 0.. {
        pair.clear();
        if file.by_ref().take(PAIR_BYTES as u64).read_to_end(&mut pair)? == 0 {
            break;
        }
        let Some(number) = TenantNumber::new(number) else {
            if number == 0 {
                content.has_version = pair.starts_with(VERSION);
                continue;
            }
            // Anything after the greatest number is no head.
            break;
        };
        let mut newest: Option<(u8, RememberedHead)> = None;
        for (slot, bytes) in (0..).zip(pair.chunks(SLOT_BYTES)) {
            if bytes.iter().all(|byte| *byte == 0) {
                continue;
            }
            match decode(origin, number, bytes) {
                Some(head) if newest.is_none_or(|(_, newest)| order(&newest) < order(&head)) => {
                    newest = Some((slot, head));
                }
                Some(_) => {}
                None => content.invalid += 1,
            }
        }
        content.newest.resize(number.get() as usize, 0);
        content.newest.push(newest.map_or(0, |(slot, _)| slot + 1));
        content.heads.extend(newest.map(|(_, head)| head));
    }
    Ok(content)
}

fn encode(origin: &str, remembered: &RememberedHead) -> [u8; SLOT_BYTES] {
    let RememberedHead { tick, head: SlotHead { id, number, size, root, state } } = remembered;
    let mut slot = [0; SLOT_BYTES];
    slot[..16].copy_from_slice(id);
    slot[16..24].copy_from_slice(&tick.to_be_bytes());
    slot[24..32].copy_from_slice(&size.to_be_bytes());
    slot[32..64].copy_from_slice(&root.0);
    slot[64] = state.to_byte();
    let checksum = checksum(origin, *number, &slot[..CHECKED_BYTES]);
    slot[CHECKED_BYTES..].copy_from_slice(&checksum);
    slot
}

fn decode(origin: &str, number: TenantNumber, slot: &[u8]) -> Option<RememberedHead> {
    let slot: &[u8; SLOT_BYTES] = slot.try_into().ok()?;
    if slot[CHECKED_BYTES..] != checksum(origin, number, &slot[..CHECKED_BYTES]) {
        return None;
    }
    let number_at = |at: usize| Some(u64::from_be_bytes(slot[at..at + 8].try_into().ok()?));
    let head = SlotHead {
        id: slot[..16].try_into().ok()?,
        number,
        size: number_at(24)?,
        root: Hash(slot[32..64].try_into().ok()?),
        state: State::from_byte(slot[64])?,
    };
    Some(RememberedHead { tick: number_at(16)?, head })
}

fn checksum(origin: &str, number: TenantNumber, bytes: &[u8]) -> [u8; SLOT_BYTES - CHECKED_BYTES] {
    let Hash(hash) = Hash::digest(&[VERSION, origin.as_bytes(), b"\n", &number.get().to_be_bytes(), bytes]);
    let mut checksum = [0; SLOT_BYTES - CHECKED_BYTES];
    checksum.copy_from_slice(&hash[..SLOT_BYTES - CHECKED_BYTES]);
    checksum
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const ORIGIN: &str = "log.example/a log";

    fn head(number: u32, size: u64) -> SlotHead {
        SlotHead {
            id: [number as u8; 16],
            number: TenantNumber::new(number).unwrap(),
            size,
            root: Hash::digest(&[&size.to_be_bytes()]),
            state: State::Live,
        }
    }

    fn content(folder: &TempDir) -> HeadsFileContent {
        TenantHeadsFile::read(folder.path(), ORIGIN).unwrap()
    }

    /// Returns number, tick, and size of each head.
    fn heads(folder: &TempDir) -> Vec<(u32, u64, u64)> {
        let heads = content(folder).heads.into_iter();
        heads.map(|RememberedHead { tick, head }| (head.number.get(), tick, head.size)).collect()
    }

    fn open(folder: &TempDir) -> TenantHeadsFile {
        TenantHeadsFile::open(folder.path(), ORIGIN).unwrap()
    }

    #[test]
    fn the_newest_heads_are_found_again() {
        let folder = TempDir::new().unwrap();
        assert!(!content(&folder).exists);
        let mut file = open(&folder);
        assert_eq!(heads(&folder), []);
        file.remember(1, &[head(1, 0), head(40, 7)]).unwrap();
        for tick in 2..7 {
            file.remember(tick, &[head(1, tick)]).unwrap();
            assert_eq!(heads(&folder), [(1, tick, tick), (40, 1, 7)]);
        }
        drop(file);
        let mut file = open(&folder);
        assert_eq!(file.heads().unwrap()[1], RememberedHead { tick: 1, head: head(40, 7) });
        file.remember(9, &[SlotHead { state: State::Ended, ..head(40, 8) }, head(2, 3)]).unwrap();
        assert_eq!(heads(&folder), [(1, 6, 6), (2, 9, 3), (40, 9, 8)]);
        assert_eq!(content(&folder).heads[2].head.state, State::Ended);
        assert_eq!(content(&folder).invalid, 0);
        let other = TenantHeadsFile::read(folder.path(), "log.example/other").unwrap();
        assert_eq!((other.heads.len(), other.invalid), (0, 5));
    }

    #[test]
    fn a_write_that_is_cut_off_leaves_the_head_before() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        file.remember(1, &[head(1, 1)]).unwrap();
        file.remember(2, &[head(1, 2)]).unwrap();
        let path = folder.path().join(FILE);
        let before = fs::read(&path).unwrap();
        file.remember(3, &[head(1, 3)]).unwrap();
        let after = fs::read(&path).unwrap();
        drop(file);
        let slot = PAIR_BYTES..PAIR_BYTES + SLOT_BYTES;
        for cut in 0..SLOT_BYTES {
            let mut torn = before.clone();
            torn[slot.start..slot.start + cut].copy_from_slice(&after[slot.start..slot.start + cut]);
            fs::write(&path, torn).unwrap();
            assert_eq!(heads(&folder), [(1, 2, 2)], "{cut}");
            let mut file = open(&folder);
            file.remember(4, &[head(1, 4)]).unwrap();
            assert_eq!((heads(&folder), content(&folder).invalid), (vec![(1, 4, 4)], 0));
        }
        // The first head of a tenant is at the end of the file.
        let mut file = open(&folder);
        file.remember(5, &[head(2, 5)]).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 1..SLOT_BYTES {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(heads(&folder).len(), 1, "{cut}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(heads(&folder).len(), 2);
    }

    #[test]
    fn no_damage_is_taken_for_a_head() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        file.remember(1, &[head(1, 1), head(2, 2)]).unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for at in PAIR_BYTES..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            for found in heads(&folder) {
                assert!([(1, 1, 1), (2, 1, 2)].contains(&found), "{at}");
            }
        }
        // A slot in another's place.
        let mut bytes = whole.clone();
        bytes.copy_within(PAIR_BYTES..PAIR_BYTES + SLOT_BYTES, 2 * PAIR_BYTES);
        fs::write(&path, &bytes).unwrap();
        assert_eq!((heads(&folder), content(&folder).invalid), (vec![(1, 1, 1)], 1));
        // The start is written again, and the heads remain.
        let mut bytes = whole;
        bytes[0] = 0;
        fs::write(&path, bytes).unwrap();
        assert!(!content(&folder).has_version);
        drop(open(&folder));
        assert!(content(&folder).has_version);
        assert_eq!(heads(&folder), [(1, 1, 1), (2, 1, 2)]);
    }

    #[test]
    fn rewrites_a_removed_file_but_never_another_file() {
        let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (path, away) = (folder.path().join(FILE), elsewhere.path().join(FILE));
        let mut file = open(&folder);
        file.remember(1, &[head(1, 1)]).unwrap();
        fs::remove_file(&path).unwrap();
        file.remember(2, &[head(2, 2)]).unwrap();
        assert_eq!(heads(&folder), [(1, 1, 1), (2, 2, 2)]);
        fs::rename(&path, &away).unwrap();
        fs::copy(&away, &path).unwrap();
        file.remember(3, &[head(2, 3)]).unwrap_err();
        assert_eq!(heads(&folder), [(1, 1, 1), (2, 2, 2)]);
        fs::rename(&away, &path).unwrap();
        file.remember(3, &[head(2, 3)]).unwrap();
        assert_eq!(heads(&folder), [(1, 1, 1), (2, 3, 3)]);
    }
}
