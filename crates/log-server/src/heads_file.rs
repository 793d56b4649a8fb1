//! The file in the folder of a root log that records the newest head of each tenant log before it is shown, in the format
//! of [`heads_format`](countersign_log::tenants::heads_format). Unlike the database, the file isn't part of a backup: it
//! survives the restore of one.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use countersign_files::{open_private, sync_folder};
use countersign_log::store::StoreError;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::heads_format::{
    HeadsFileContent, PAIR_BYTES, SLOT_BYTES, VERSION, encode, next_slot, parse,
};
use countersign_log::tenants::memory::{AcceptedLoss, RememberedHead, TenantHeadMemory};
use countersign_log::tenants::tenant::TenantNumber;

use crate::accepted_losses;
use crate::signed_file::identity::Identity;

/// The file's name within the log's folder.
pub const FILE: &str = "heads.bin";
/// The name of a new file until it is complete.
const TEMPORARY_FILE: &str = ".heads.bin.unfinished";

/// The file of a folder, as the memory of a running server.
pub struct TenantHeadsFile {
    folder: PathBuf,
    origin: String,
    file: File,
    heads: Vec<RememberedHead>,
    newest: Vec<u8>,
    ended_without_event: BTreeSet<TenantNumber>,
}

impl TenantHeadsFile {
    /// Reads the file of a folder. A server may be writing to it.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(folder: &Path, origin: &str) -> Result<HeadsFileContent, StoreError> {
        let failed = |error| StoreError::disk("reading heads.bin", error);
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
        let HeadsFileContent { exists, has_version, heads, invalid, newest, ended_without_event } =
            Self::read(folder, origin)?;
        if invalid > 0 {
            tracing::warn!(invalid, "some heads in {FILE} are damaged, or were cut off by a crash");
        }
        let failed = |error| StoreError::disk("writing heads.bin", error);
        let file = if exists { open(folder) } else { create(folder, &mut io::empty()) }.map_err(failed)?;
        let (folder, origin) = (folder.to_owned(), origin.to_owned());
        let mut this = Self { folder, origin, file, heads, newest, ended_without_event };
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
        self.write(tick, heads).map_err(|error| StoreError::disk("writing heads.bin", error))
    }

    fn accepted_losses(&mut self) -> Result<Vec<AcceptedLoss>, StoreError> {
        accepted_losses::read(&self.folder)
    }

    fn ended_without_event(&self) -> BTreeSet<TenantNumber> {
        self.ended_without_event.clone()
    }

    fn accept_loss(&mut self, loss: &AcceptedLoss) -> Result<(), StoreError> {
        accepted_losses::add(&self.folder, loss)
    }
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

#[cfg(test)]
mod tests {
    use countersign::hash::Hash;
    use countersign::tenant::State;
    use countersign_log::tenants::tenant::TenantNumber;
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
