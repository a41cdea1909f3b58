//! Each workload's folders on this machine: work, inputs, bundle and logs.

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use sinew_core::{LOGS_KEPT, RESERVED};
use sinew_exec::OutputChunk;
use sinew_store::{Artefacts, BundleLimits, StoreError};
use sinew_types::{Hash, OrgId, Part, WorkloadId};
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folder of a workload whose files become artefacts when its lease ends.
const OUT: &str = "out";
/// The folder in which a workload keeps what it goes on from; a lease's end stores it and a new machine brings it back.
const CHECKPOINT: &str = "checkpoint";
/// How many files a workload may leave, and how long their paths may be.
const OUTPUTS_MAX: usize = 1_000;
const OUTPUT_PATH_MAX: usize = 256;
/// How deep folders in `out` may nest.
const DEPTH_MAX: usize = 16;

/// Why a workload's folders could not be prepared or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkplaceError {
    /// The store has not what is needed, or no room.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refuses a file.
    #[error("cannot {what} {}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The folders of one workload.
#[derive(Clone, Debug)]
pub(crate) struct Workplace {
    root: PathBuf,
}

impl Workplace {
    /// Where a workload's folders are. `data` is absolute.
    pub(crate) fn of(data: &Path, org: OrgId, id: WorkloadId) -> Self {
        let org = format!("{:032x}", org.bits());
        Self { root: data.join("orgs").join(org).join("workloads").join(format!("{:032x}", id.bits())) }
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(crate) fn inputs(&self) -> PathBuf {
        self.root.join("inputs")
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.root.join("bundle")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.work().join(OUT)
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.work().join(CHECKPOINT)
    }

    fn log(&self, epoch: u64) -> PathBuf {
        self.root.join("logs").join(format!("{epoch:020}.log"))
    }

    /// Brings the part's inputs and bundle, unless an earlier lease left them.
    pub(crate) fn prepare(
        &self,
        artefacts: &Artefacts,
        org: OrgId,
        part: &Part,
    ) -> Result<(), WorkplaceError> {
        let failed = |source| WorkplaceError::File { what: "make", path: self.root.clone(), source };
        for folder in [self.work(), self.inputs(), self.out()] {
            fs::create_dir_all(&folder).map_err(failed)?;
        }
        for (path, hash) in &part.program.inputs {
            let to = self.inputs().join(path);
            if !to.exists() {
                copy(artefacts, org, *hash, &to)?;
            }
        }
        if let Some(hash) = part.program.bundle
            && !self.bundle().exists()
        {
            artefacts.unpack(org, hash, &self.bundle(), BundleLimits::default())?;
            readable(&self.bundle()).map_err(failed)?;
        }
        readable(&self.inputs()).map_err(failed)
    }

    /// Brings back the files of the workload's newest checkpoint where its work folder has none: its disk was lost, or the
    /// lease before ran elsewhere. What the program itself put there is left as it is.
    pub(crate) fn restore(
        &self,
        artefacts: &Artefacts,
        org: OrgId,
        checkpoint: &BTreeMap<String, Hash>,
    ) -> Result<(), WorkplaceError> {
        let failed = |source| WorkplaceError::File { what: "bring back", path: self.checkpoint(), source };
        let empty = match fs::symlink_metadata(self.checkpoint()) {
            Ok(found) if found.is_dir() => fs::read_dir(self.checkpoint()).map_err(failed)?.next().is_none(),
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(failed(error)),
        };
        if !empty {
            return Ok(());
        }
        if checkpoint.is_empty() {
            return fs::create_dir_all(self.checkpoint()).map_err(failed);
        }
        // Built where no program can put links in the way, then put in place whole.
        let staged = self.root.join("restored");
        remove_folder(&staged).map_err(failed)?;
        fs::create_dir_all(&staged).map_err(failed)?;
        for (path, hash) in checkpoint {
            copy(artefacts, org, *hash, &staged.join(path))?;
        }
        readable(&staged).and_then(|()| fs::rename(&staged, self.checkpoint())).map_err(failed)
    }

    /// Stores what the program left in its checkpoint's folder: all of it or nothing, because half a checkpoint is none.
    /// The error says why it is not kept.
    pub(crate) fn harvest_checkpoint(
        &self,
        artefacts: &Artefacts,
        org: OrgId,
    ) -> Result<BTreeMap<String, Hash>, String> {
        let Ok(work) = File::open(self.work()) else { return Ok(BTreeMap::new()) };
        let short = |path: &str| path.strip_prefix("checkpoint/").unwrap_or(path).to_owned();
        let (paths, odd) = files_below(&work, CHECKPOINT);
        if let Some(odd) = odd {
            return Err(format!(
                "`{odd}` is neither a folder nor a plain file, or too deep; only such are kept"
            ));
        }
        if paths.len() > OUTPUTS_MAX || paths.iter().any(|path| short(path).len() > OUTPUT_PATH_MAX) {
            return Err(format!("at most {OUTPUTS_MAX} files with paths of {OUTPUT_PATH_MAX} bytes are"));
        }
        let open = |path: &String| {
            beneath(&work, path, OFlags::NONBLOCK)
                .map_err(|error| format!("`{path}` cannot be read: {error}"))
        };
        // Looked at before anything is stored, so that what does not fit takes no room either.
        let bytes = |path| Ok(open(path)?.metadata().map_or(0, |about| about.len()));
        let bytes = paths.iter().map(bytes).sum::<Result<u64, String>>()?;
        let free = artefacts.free_bytes(org).map_err(|error| error.to_string())?;
        if bytes > free {
            return Err(format!(
                "it has {bytes} bytes and the organisation's quota leaves {free}; remove artefacts or ask for more"
            ));
        }
        let put = |path: &String| {
            let put = artefacts.put(org, &mut open(path)?, None).map_err(|error| error.to_string())?;
            Ok((short(path), put.hash))
        };
        paths.iter().map(put).collect()
    }

    /// Stores the kept log of a lease; nothing where it is empty.
    pub(crate) fn store_log(
        &self,
        artefacts: &Artefacts,
        org: OrgId,
        epoch: u64,
    ) -> Result<Option<Hash>, WorkplaceError> {
        let path = self.log(epoch);
        let failed = |source| WorkplaceError::File { what: "read", path: path.clone(), source };
        let mut file = match File::open(&path) {
            // It printed nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        if file.metadata().map_err(failed)?.len() == 0 {
            return Ok(None);
        }
        Ok(Some(artefacts.put(org, &mut file, None)?.hash))
    }

    /// Stores what the program left in `out`, and says what could not be kept. Links are not followed: they may lead
    /// anywhere.
    pub(crate) fn harvest(&self, artefacts: &Artefacts, org: OrgId) -> (BTreeMap<String, Hash>, Vec<String>) {
        let (mut kept, mut lost) = (BTreeMap::new(), Vec::new());
        let Ok(work) = File::open(self.work()) else { return (kept, lost) };
        for path in files_below(&work, OUT).0 {
            let short = path.strip_prefix("out/").unwrap_or(&path).to_owned();
            if short.starts_with(RESERVED) {
                lost.push(format!("`out/{short}` is not kept: names below `{RESERVED}` are Sinew's own"));
                continue;
            }
            if kept.len() >= OUTPUTS_MAX {
                lost.push(format!(
                    "`out/{short}` and what comes after it is not kept: at most {OUTPUTS_MAX} files are"
                ));
                break;
            }
            if short.len() > OUTPUT_PATH_MAX {
                lost.push(format!(
                    "`out/{short}` is not kept: its path is longer than {OUTPUT_PATH_MAX} bytes"
                ));
                continue;
            }
            let stored = beneath(&work, &path, OFlags::NONBLOCK)
                .map_err(|error| error.to_string())
                .and_then(|mut file| artefacts.put(org, &mut file, None).map_err(|error| error.to_string()));
            match stored {
                Ok(put) => drop(kept.insert(short, put.hash)),
                Err(why) => lost.push(format!("`out/{short}` is not kept: {why}")),
            }
        }
        (kept, lost)
    }

    /// Adds lines of Sinew's own to the kept log of a lease, so that its organisation reads them.
    pub(crate) fn add_to_log(&self, epoch: u64, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(self.root.join("logs"))?;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.log(epoch))?;
        lines.iter().try_for_each(|line| writeln!(file, "sinew: {line}"))
    }

    /// Keeps the output of a lease that ended, if there is any, and drops the oldest beyond a number.
    pub(crate) fn keep_log(
        &self,
        epoch: u64,
        mut read: impl FnMut(u64) -> Option<OutputChunk>,
    ) -> io::Result<()> {
        let path = self.log(epoch);
        let folder = self.root.join("logs");
        let mut bytes = Vec::new();
        let mut at = 0;
        while let Some(chunk) = read(at).filter(|chunk| !chunk.bytes.is_empty()) {
            at = chunk.start + u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&chunk.bytes);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        fs::write(path, bytes)?;
        let mut kept: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
        kept.sort();
        let surplus = kept.len().saturating_sub(LOGS_KEPT);
        kept.iter().take(surplus).try_for_each(fs::remove_file)
    }

    /// The epochs whose logs are kept.
    pub(crate) fn logged_epochs(&self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(self.root.join("logs")) else { return Vec::new() };
        let epoch = |name: String| name.strip_suffix(".log").and_then(|digits| digits.parse().ok());
        let mut epochs: Vec<u64> =
            entries.flatten().filter_map(|e| e.file_name().into_string().ok().and_then(epoch)).collect();
        epochs.sort_unstable();
        epochs
    }

    /// A piece of a kept log.
    pub(crate) fn read_log(&self, epoch: u64, from: u64, most: usize) -> io::Result<Vec<u8>> {
        read_piece(File::open(self.log(epoch))?, from, most)
    }

    /// A piece of a file in the work folder. The path must not leave it, not even through a link.
    pub(crate) fn read_file(&self, path: &str, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let work = File::open(self.work())?;
        let file = beneath(&work, path, OFlags::NONBLOCK)?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        read_piece(file, from, most)
    }

    /// Removes everything of the workload.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove_folder(&self.root)
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    if path.exists() { fs::remove_dir_all(path) } else { Ok(()) }
}

/// The plain files in a folder of the work folder, by path from there; and one thing in it that is none, such as a link.
fn files_below(work: &File, folder: &str) -> (Vec<String>, Option<String>) {
    let (mut found, mut odd) = (Vec::new(), None);
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let opened = match beneath(work, &folder, OFlags::DIRECTORY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.ok().and_then(|opened| rustix::fs::Dir::read_from(opened).ok()),
        };
        let Some(entries) = opened else {
            odd = Some(folder);
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            match entry.file_type() {
                _ if matches!(&*name, "." | "..") => {}
                rustix::fs::FileType::Directory if depth < DEPTH_MAX => folders.push((path, depth + 1)),
                rustix::fs::FileType::RegularFile if entry.file_name().to_str().is_ok() => {
                    if found.len() <= OUTPUTS_MAX {
                        found.push(path);
                    }
                }
                _ => odd = Some(path),
            }
        }
    }
    found.sort();
    (found, odd)
}

/// Opens a path below a folder, through no link at all: a program may have put one anywhere in its folder.
fn beneath(folder: &File, path: &str, flags: OFlags) -> io::Result<File> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let fd = openat2(folder, path, flags | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), resolve)?;
    Ok(File::from(fd))
}

/// Lets the program's own user read what lies here. The folder above is closed to every other user of the machine.
fn readable(path: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.is_dir() {
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        return fs::read_dir(path)?.try_for_each(|entry| readable(&entry?.path()));
    }
    let executable = about.permissions().mode() & 0o100 != 0;
    fs::set_permissions(path, Permissions::from_mode(if executable { 0o755 } else { 0o644 }))
}

pub(crate) fn read_piece(mut file: File, from: u64, most: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn copy(artefacts: &Artefacts, org: OrgId, hash: Hash, to: &Path) -> Result<(), WorkplaceError> {
    let failed = |source| WorkplaceError::File { what: "write", path: to.to_owned(), source };
    let mut from = artefacts.open_artefact(org, hash)?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let partial = PathBuf::from(format!("{}.partial", to.display()));
    let mut file = File::create(&partial).map_err(failed)?;
    io::copy(&mut from, &mut file).map_err(failed)?;
    fs::rename(&partial, to).map_err(failed)
}
