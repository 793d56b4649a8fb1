//! The copy of a log in a folder.
//!
//! Two checkpoints describe it, as in C2SP tlog-mirror. All entries up to the *mirror checkpoint* are stored; it is
//! published. The *pending checkpoint* is the newest one that was accepted; all entries that are stored are of its tree.
//!
//! The order of writes makes the copy safe to interrupt at any point:
//!
//! 1. The pending checkpoint is saved before any entry of it is stored. After a crash, the copy therefore remains on the
//!    same branch of the log's history.
//! 2. Bundles and tiles are replaced whole, and synced. Those that the saved progress doesn't cover are written again.
//! 3. The progress is saved: the number of entries, and the root over them.
//! 4. The mirror checkpoint is replaced, and only then returned to anyone.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::hex;
use countersign::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile, decode_tile, leaf_hash};
use countersign::note::{MAX_SIGNATURES, SignatureLine, VerifierKey};
use countersign::witness::TreeHead;
use countersign_files::{Lock, folder_of, replace, sync_folder};
use countersign_log::mirroring::{bundle_root, verify_package};
use countersign_log_server::witness::{Seconds, WitnessKey};

use crate::edge_tiles::{EdgeTiles, partial_tiles};
use crate::error::MirrorError;
use crate::state_file::StateFile;

/// The progress is saved after this many packages. After a crash, those since then are stored again.
const UNSAVED_PACKAGES: u32 = 64;
/// A cosignature may be dated this many seconds after the clock, so that its time never goes back.
const CLOCK_TOLERANCE_SECONDS: u64 = 60;

/// A verified copy of a log in a folder. No other process can use the folder at the same time.
pub struct LogCopy {
    /// The log's keys: more than one if it has been replaced.
    keys: Vec<VerifierKey>,
    /// The witnesses whose cosignatures are kept from uploads.
    witnesses: Vec<VerifierKey>,
    cosigner: Option<WitnessKey>,
    clock: Seconds,
    /// The folder with checkpoint, tiles, and bundles.
    public: PathBuf,
    state_path: PathBuf,
    evidence_path: PathBuf,
    state: Mutex<CopyState>,
    _lock: Lock,
}

struct CopyState {
    pending: Option<SignedCheckpoint>,
    published: Option<SignedCheckpoint>,
    tree: EdgeTiles,
    unsaved: u32,
    is_forked: bool,
}

/// The state of a copy, for people and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MirrorStatus {
    /// The size of the pending checkpoint; 0 if there is none.
    pub pending: u64,
    /// The index of the first entry that isn't stored.
    pub next: u64,
    /// The size of the mirror checkpoint, if there is one.
    pub published: Option<u64>,
    /// True if the log showed two histories.
    pub is_forked: bool,
}

/// The entries of one package, to be verified and stored.
#[derive(Clone, Copy)]
pub(crate) struct Package<'p> {
    /// The checkpoint that the proof is about.
    pub(crate) checkpoint: &'p Checkpoint,
    /// The index of the first entry.
    pub(crate) start: u64,
    /// The entries, all in one bundle.
    pub(crate) entries: &'p [&'p [u8]],
    /// The proof that the bundle, up to the last entry, is a node of the checkpoint's tree.
    pub(crate) proof: &'p [Hash],
}

impl LogCopy {
    /// Opens the copy of a log in a folder, which is created if needed. The keys are those of the log, all with its
    /// origin as their name. With a cosigner, a key of type `0x04` or `0x06`, the copy cosigns its checkpoints.
    ///
    /// # Errors
    /// [`MirrorError::InUse`], [`MirrorError::Damaged`], [`MirrorError::Storage`], or [`MirrorError::Key`].
    pub fn open(
        folder: &Path,
        keys: Vec<VerifierKey>,
        cosigner: Option<WitnessKey>,
        clock: Seconds,
    ) -> Result<Self, MirrorError> {
        let origin = keys.first().map(|key| key.name().to_owned()).unwrap_or_default();
        if keys.is_empty() || keys.iter().any(|key| !key.is_for_logs() || key.name() != origin) {
            return Err(MirrorError::Key("the keys aren't those of one log".into()));
        }
        if cosigner.as_ref().is_some_and(|key| !key.verifier_key().is_for_witnesses()) {
            return Err(MirrorError::Key("the mirror's key can't cosign".into()));
        }
        let hash = hex::encode(&Hash::digest(&[origin.as_bytes()]).0);
        let (public, private) = (folder.join("public").join(&hash), folder.join("state"));
        create_folder(&public)?;
        create_folder(&private)?;
        let lock = Lock::acquire(&private.join(format!("{hash}.lock"))).map_err(|error| match error {
            fs::TryLockError::WouldBlock => MirrorError::InUse,
            fs::TryLockError::Error(error) => error.into(),
        })?;
        let (state_path, evidence_path) =
            (private.join(format!("{hash}.json")), private.join(format!("{hash}.fork.txt")));
        let state = StateFile::read(&state_path)?.unwrap_or_default();
        let parse = |note: &str| {
            SignedCheckpoint::parse_extended(note).map_err(|error| MirrorError::Damaged(error.into_message()))
        };
        let pending = state.pending.as_deref().map(parse).transpose()?;
        let published = read_if_present(&public.join("checkpoint"))?;
        let published = published.map(|bytes| parse(&String::from_utf8_lossy(&bytes))).transpose()?;
        let tree = EdgeTiles::read(state.size, |tile| {
            let bytes = read_stored(&public, &tile.path())?;
            decode_tile(tile, &bytes).map_err(|error| MirrorError::Damaged(error.into_message()))
        })?;
        if state.size > 0 && tree.root().to_string() != state.root {
            let message = format!("its tiles of {} entries lead to a different root", state.size);
            return Err(MirrorError::Damaged(message));
        }
        let size =
            |signed: &Option<SignedCheckpoint>| signed.as_ref().map_or(0, |signed| signed.checkpoint.size);
        if size(&published) > state.size || state.size > size(&pending) {
            return Err(MirrorError::Damaged("its state is older than its checkpoint".into()));
        }
        remove_unfinished(&public, state.size)?;
        let is_forked = evidence_path.exists();
        let state = Mutex::new(CopyState { pending, published, tree, unsaved: 0, is_forked });
        let witnesses = Vec::new();
        Ok(Self { keys, witnesses, cosigner, clock, public, state_path, evidence_path, state, _lock: lock })
    }

    /// Sets the witnesses whose cosignatures are kept from uploads.
    #[must_use]
    pub fn with_witnesses(self, witnesses: Vec<VerifierKey>) -> Self {
        Self { witnesses, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, CopyState> {
        // A panic leaves at most files that are written again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the log's keys.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    /// Returns the log's origin.
    pub fn origin(&self) -> &str {
        self.keys.first().map_or("", VerifierKey::name)
    }

    /// True if the copy cosigns its checkpoints.
    pub(crate) fn cosigns(&self) -> bool {
        self.cosigner.is_some()
    }

    /// Returns the folder with the copy: `checkpoint` and `tile/`.
    pub fn public(&self) -> &Path {
        &self.public
    }

    /// Returns the file with the two checkpoints of a log that showed two histories.
    pub fn evidence_path(&self) -> &Path {
        &self.evidence_path
    }

    /// Returns the copy's state.
    pub fn status(&self) -> MirrorStatus {
        let state = self.lock();
        let size = |signed: &Option<SignedCheckpoint>| signed.as_ref().map(|signed| signed.checkpoint.size);
        MirrorStatus {
            pending: size(&state.pending).unwrap_or(0),
            next: state.tree.size(),
            published: size(&state.published),
            is_forked: state.is_forked,
        }
    }

    /// Returns the pending checkpoint.
    pub(crate) fn pending(&self) -> Option<SignedCheckpoint> {
        self.lock().pending.clone()
    }

    /// Returns the mirror checkpoint.
    pub(crate) fn published(&self) -> Option<SignedCheckpoint> {
        self.lock().published.clone()
    }

    /// Checks that the log signed a checkpoint.
    pub(crate) fn verify_signature(&self, signed: &SignedCheckpoint) -> Result<(), MirrorError> {
        if signed.checkpoint.origin != self.origin() {
            return Err(MirrorError::OtherLog(signed.checkpoint.origin.clone()));
        }
        let opened = signed.log_signatures(&self.keys);
        let is_signed = !opened.verified.is_empty() && signed.has_signed_extensions(&opened.verified);
        if !is_signed || !opened.invalid.is_empty() {
            return Err(MirrorError::Unsigned);
        }
        Ok(())
    }

    /// Removes all signature lines of an uploaded checkpoint except those of the log, which must have been verified, and
    /// valid cosignatures of known witnesses. Anyone can upload, and could replace a cosignature by an invalid one.
    pub(crate) fn without_unverified_lines(&self, mut signed: SignedCheckpoint) -> SignedCheckpoint {
        let opened = signed.cosignatures(&self.witnesses);
        let valid: Vec<SignatureLine> =
            opened.verified.iter().map(|cosigned| cosigned.line.clone()).collect();
        let is_of_log = |line: &SignatureLine| self.keys.iter().any(|key| line.is_of(key));
        signed.note.signatures.retain(|line| is_of_log(line) || valid.contains(line));
        signed
    }

    /// Replaces the pending checkpoint by what `decide` returns for the current one. No other checkpoint is accepted
    /// meanwhile. `decide` must have verified the log's signature and the consistency with the current one.
    pub(crate) fn replace_pending<E: From<MirrorError>>(
        &self,
        decide: impl FnOnce(Option<&SignedCheckpoint>) -> Result<SignedCheckpoint, E>,
    ) -> Result<(), E> {
        let mut state = self.lock();
        let next = decide(state.pending.as_ref())?;
        let before = state.pending.replace(next);
        if let Err(error) = self.save(&mut state) {
            state.pending = before;
            return Err(error.into());
        }
        Ok(())
    }

    fn save(&self, state: &mut CopyState) -> Result<(), MirrorError> {
        let file = StateFile {
            countersign: StateFile::VERSION.into(),
            pending: state.pending.as_ref().map(ToString::to_string),
            size: state.tree.size(),
            root: state.tree.root().to_string(),
        };
        file.write(&self.state_path)?;
        state.unsaved = 0;
        Ok(())
    }

    /// Saves how many entries are stored, so that they are not stored again after a restart.
    pub(crate) fn save_progress(&self) -> Result<(), MirrorError> {
        let mut state = self.lock();
        if state.unsaved > 0 { self.save(&mut state) } else { Ok(()) }
    }

    /// Verifies a package, and stores the entries that are new.
    pub(crate) fn store(&self, package: Package<'_>) -> Result<(), MirrorError> {
        let Package { checkpoint, start, entries, proof } = package;
        let mut state = self.lock();
        let (bundle, next) = (start >> TILE_HEIGHT, state.tree.size());
        if start > next {
            return Err(MirrorError::Gap { next });
        }
        let first = bundle << TILE_HEIGHT;
        let end = start + entries.len() as u64;
        let place = Bundle { index: bundle, width: (end - first) as u16 };
        let before = self.entries_before(bundle, start, next)?;
        let mut all: Vec<&[u8]> = before.iter().map(Vec::as_slice).collect();
        all.extend(entries);
        let hashes: Vec<Hash> = all.iter().map(|entry| leaf_hash(entry)).collect();
        if !verify_package(bundle, checkpoint.size, &bundle_root(&hashes), proof, &checkpoint.root) {
            return Err(MirrorError::Altered(place.path()));
        }
        if end <= next {
            return Ok(());
        }
        let mut tree = state.tree.clone();
        let mut tiles = Vec::new();
        for hash in &hashes[(next - first) as usize..] {
            tree.append(*hash, |tile, hashes| tiles.push((tile, hashes.to_vec())));
        }
        let is_last = end == checkpoint.size;
        if is_last || !end.is_multiple_of(TILE_WIDTH) {
            tiles.extend(tree.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        }
        let bytes = Bundle::encode(&all).map_err(|error| MirrorError::Malformed(error.into_message()))?;
        self.write(&place.path(), &bytes)?;
        for (tile, hashes) in tiles {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            self.write(&tile.path(), &bytes)?;
        }
        state.tree = tree;
        state.unsaved += 1;
        if is_last || state.unsaved >= UNSAVED_PACKAGES {
            self.save(&mut state)?;
        }
        Ok(())
    }

    /// Returns the stored entries of a bundle before `start`.
    fn entries_before(&self, bundle: u64, start: u64, next: u64) -> Result<Vec<Vec<u8>>, MirrorError> {
        let first = bundle << TILE_HEIGHT;
        if start == first {
            return Ok(Vec::new());
        }
        let Some(stored) = Bundle::grown(first, next).next() else {
            return Err(MirrorError::Gap { next });
        };
        let bytes = read_stored(&self.public, &stored.path())?;
        let entries = stored.decode(&bytes).map_err(|error| MirrorError::Damaged(error.into_message()))?;
        Ok(entries.iter().take((start - first) as usize).map(|entry| entry.to_vec()).collect())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), MirrorError> {
        let path = self.public.join(path);
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        replace(&path, bytes)?;
        make_readable(&path)?;
        Ok(())
    }

    /// Makes a checkpoint the mirror checkpoint, with this mirror's cosignature if it has a key. All entries up to it
    /// must be stored. Returns the cosignature lines.
    ///
    /// Does nothing if a later checkpoint is published already, or the same one.
    pub(crate) fn publish(&self, signed: &SignedCheckpoint) -> Result<String, MirrorError> {
        let mut state = self.lock();
        let size = signed.checkpoint.size;
        if state.tree.size() != size {
            return Err(MirrorError::Gap { next: state.tree.size() });
        }
        if state.tree.root() != signed.checkpoint.root {
            return Err(MirrorError::Altered("the root of the stored entries".into()));
        }
        let published = state.published.clone();
        let mut lines = self.foreign_lines(signed);
        let same = published.as_ref().filter(|published| published.note.text == signed.note.text);
        if let Some(published) = same {
            let known = self.foreign_lines(published);
            // A client may upload a checkpoint without the cosignatures that others uploaded.
            let is_same_key = |a: &SignatureLine, b: &SignatureLine| (&a.name, a.id) == (&b.name, b.id);
            let lost = known.iter().filter(|line| !lines.iter().any(|other| is_same_key(line, other)));
            let lost: Vec<_> = lost.copied().collect();
            lines.extend(lost);
            if lines.len() == known.len() && lines.iter().all(|line| known.contains(line)) {
                return Ok(self.own_line(published));
            }
        }
        self.save(&mut state)?;
        let own = self.cosign(signed, published.as_ref())?;
        let room = MAX_SIGNATURES - usize::from(!own.is_empty());
        let others: String = lines.into_iter().take(room).map(ToString::to_string).collect();
        let note = format!("{}\n{others}{own}", signed.note.text);
        let read = SignedCheckpoint::parse_extended(&note);
        let read = read.map_err(|error| MirrorError::Malformed(error.into_message()))?;
        self.write("checkpoint", note.as_bytes())?;
        let old = state.published.replace(read).map_or(0, |published| published.checkpoint.size);
        drop(state);
        self.remove_partial(old, size)?;
        Ok(own)
    }

    /// Returns the signature lines of others: the log's first.
    fn foreign_lines<'s>(&self, signed: &'s SignedCheckpoint) -> Vec<&'s SignatureLine> {
        let is_own = |line: &&SignatureLine| {
            self.cosigner.as_ref().is_some_and(|cosigner| line.is_of(cosigner.verifier_key()))
        };
        let lines = signed.note.signatures.iter().filter(|line| !is_own(line));
        let (mut log, others): (Vec<_>, Vec<_>) =
            lines.partition(|line| self.keys.iter().any(|key| line.is_of(key)));
        log.extend(others);
        log
    }

    fn own_line(&self, signed: &SignedCheckpoint) -> String {
        let Some(cosigner) = &self.cosigner else { return String::new() };
        let lines = signed.note.signatures.iter();
        lines.filter(|line| line.is_of(cosigner.verifier_key())).map(ToString::to_string).collect()
    }

    fn cosign(
        &self,
        signed: &SignedCheckpoint,
        last: Option<&SignedCheckpoint>,
    ) -> Result<String, MirrorError> {
        let Some(cosigner) = &self.cosigner else { return Ok(String::new()) };
        let times = last.map(|last| last.cosignatures([cosigner.verifier_key()]));
        let times = times.iter().flat_map(|opened| &opened.verified);
        let last = times.filter_map(|seen| u64::try_from(seen.time.millis() / 1_000).ok()).max();
        let (now, last) = ((self.clock)(), last.unwrap_or(0));
        if now + CLOCK_TOLERANCE_SECONDS < last {
            return Err(MirrorError::Clock(last - now));
        }
        signed.cosign(&**cosigner, now.max(last)).map_err(|error| MirrorError::Key(error.into_message()))
    }

    /// Removes the partial tiles and bundles of an earlier checkpoint that are full now.
    fn remove_partial(&self, old: u64, new: u64) -> Result<(), MirrorError> {
        let is_partial =
            |tile: &Tile| Tile::of_size(tile.level, tile.index, new).is_some_and(|tile| !tile.is_full());
        for tile in partial_tiles(old).filter(|tile| !is_partial(tile)) {
            let mut paths = vec![tile.full().path()];
            if tile.level == 0 {
                paths.push(Bundle { index: tile.index, width: tile.width }.full().path());
            }
            for path in paths {
                remove_folder(&self.public.join(format!("{path}.p")))?;
            }
        }
        Ok(())
    }

    /// Saves a checkpoint that contradicts one that the mirror has. The first evidence is kept.
    pub(crate) fn record_fork(
        &self,
        kept: &SignedCheckpoint,
        seen: &SignedCheckpoint,
    ) -> Result<MirrorError, MirrorError> {
        let mut state = self.lock();
        if !state.is_forked {
            replace(&self.evidence_path, format!("{kept}\n{seen}").as_bytes())?;
            state.is_forked = true;
        }
        Ok(MirrorError::Fork { kept: kept.checkpoint.size, seen: seen.checkpoint.size })
    }
}

/// Returns the size and root of a checkpoint.
pub(crate) fn tree_head(signed: &SignedCheckpoint) -> TreeHead {
    TreeHead { size: signed.checkpoint.size, root: signed.checkpoint.root }
}

/// Creates a folder and those above it, and makes their names durable: a file in a folder whose name is lost is lost.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    create_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(above)
}

/// Removes the temporary files that a killed process left next to the files that it was writing.
fn remove_unfinished(public: &Path, size: u64) -> io::Result<()> {
    let unsaved = size + u64::from(UNSAVED_PACKAGES + 1) * TILE_WIDTH;
    let written = Tile::grown(size, unsaved).flat_map(|tile| {
        let bundle = (tile.level == 0).then(|| Bundle { index: tile.index, width: TILE_WIDTH as u16 }.path());
        [Some(tile.full().path()), bundle]
    });
    let folders = written.flatten().filter_map(|path| public.join(path).parent().map(Path::to_owned));
    for folder in folders.chain([public.to_owned()]).collect::<BTreeSet<_>>() {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(".unfinished-") {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Reads a tile or bundle that the saved progress covers.
fn read_stored(public: &Path, path: &str) -> Result<Vec<u8>, MirrorError> {
    let bytes = read_if_present(&public.join(path))?;
    bytes.ok_or_else(|| MirrorError::Damaged(format!("{path} is missing")))
}

fn read_if_present(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Lets a web server that runs as another user read a file of the copy.
#[cfg(unix)]
fn make_readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> io::Result<()> {
    Ok(())
}
