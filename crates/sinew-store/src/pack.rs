//! Packing a folder into a bundle, and unpacking it again.
//!
//! A folder may belong to a workload that is still running and means harm, so each file is opened relative to
//! the folder with the kernel refusing every way out of it (`RESOLVE_BENEATH`), and what was opened is what
//! is read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::Path,
};

use rustix::{
    fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};
use sinew_types::{Hash, OrgId};

use crate::{
    artefacts::{Artefacts, Put},
    bundle::{self, BundleLimits, MANIFEST_BYTES_MOST, Manifest, ManifestFile},
    error::{At, StoreError, from_io},
    files,
};

const DEPTH_MOST: usize = 64;
const TRIES_MOST: u32 = 16;

/// What packing stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The manifest's artefact, which names the bundle.
    pub hash: Hash,
    /// The files.
    pub manifest: Manifest,
}

impl Artefacts {
    /// Stores each file of a folder, then the manifest. A link inside the folder counts as what it leads to;
    /// empty folders are left out. What is stored before a refusal is left to collection.
    pub fn pack(&self, org: OrgId, dir: &Path, limits: BundleLimits) -> Result<Packed, StoreError> {
        let manifest = walk(dir, limits, &mut |file| {
            let put = self.put(org, file, None)?;
            Ok((put.hash, put.bytes))
        })?;
        let Put { hash, .. } = self.put(org, &mut manifest.to_json().as_slice(), None)?;
        Ok(Packed { hash, manifest })
    }

    /// Reads a bundle's manifest.
    pub fn manifest(&self, org: OrgId, hash: Hash) -> Result<Manifest, StoreError> {
        let limits = BundleLimits { files_most: u64::MAX, bytes_most: MANIFEST_BYTES_MOST };
        bundle::refuse_larger(0, self.len(org, hash)?, limits)?;
        let bytes = fs::read(self.path(org, hash)).at("read", &self.path(org, hash))?;
        if files::hash_of(&bytes) != hash {
            return Err(StoreError::DamagedArtefact { hash });
        }
        Manifest::parse(&bytes)
    }

    /// Writes a bundle's files into a new or empty folder, all or none of them. They are copies: what happens
    /// to them there changes nothing here.
    pub fn unpack(
        &self,
        org: OrgId,
        hash: Hash,
        to: &Path,
        limits: BundleLimits,
    ) -> Result<Manifest, StoreError> {
        let manifest = self.manifest(org, hash)?;
        manifest.refuse_larger(limits)?;
        let staging = files::Staging::beside(to)?;
        for file in manifest.files() {
            self.unpack_file(org, file, staging.path())?;
        }
        staging.finish()?;
        Ok(manifest)
    }

    fn unpack_file(&self, org: OrgId, file: &ManifestFile, to: &Path) -> Result<(), StoreError> {
        let source_path = self.path(org, file.sha256);
        let mut source = self.open_artefact(org, file.sha256)?;
        let target_path = to.join(&file.path);
        let folder = files::parent(&target_path);
        fs::create_dir_all(folder).at("make the folder", folder)?;
        let mode = if file.executable { 0o777 } else { 0o666 };
        let target = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target_path);
        let mut target = target.at("create", &target_path)?;
        let mut left_bytes = file.bytes;
        let damaged = StoreError::DamagedArtefact { hash: file.sha256 };
        let pumped = files::pump(&mut source, &|error| from_io("read", &source_path, error), &mut |chunk| {
            // A manifest that names fewer bytes than there are would get round the limits.
            left_bytes = left_bytes
                .checked_sub(chunk.len() as u64)
                .ok_or(StoreError::BadManifest { why: format!("{:?} is longer than it says", file.path) })?;
            target.write_all(chunk).at("write", &target_path)
        })?;
        match pumped.hash == file.sha256 {
            false => Err(damaged),
            true if left_bytes > 0 => {
                Err(StoreError::BadManifest { why: format!("{:?} is shorter than it says", file.path) })
            }
            true => Ok(()),
        }
    }
}

/// The manifest that packing the folder would make, without storing anything: for a client that sends only
/// what the server does not have.
pub fn describe(dir: &Path, limits: BundleLimits) -> Result<Manifest, StoreError> {
    walk(dir, limits, &mut |file| {
        let pumped = files::pump(file, &|error| from_io("read", dir, error), &mut |_| Ok(()))?;
        Ok((pumped.hash, pumped.bytes))
    })
}

/// What a folder still to be listed is, and the folders around it, so that a link back to one of them is
/// seen.
struct Pending {
    path: String,
    around: Vec<(u64, u64)>,
}

/// What to do with each file: returns its hash and length.
type Take<'a> = dyn FnMut(&mut File) -> Result<(Hash, u64), StoreError> + 'a;

fn walk(dir: &Path, limits: BundleLimits, take: &mut Take<'_>) -> Result<Manifest, StoreError> {
    let root = File::open(dir).at("open the folder", dir)?;
    let mut pending = vec![Pending { path: String::new(), around: Vec::new() }];
    let (mut files, mut seen, mut bytes) = (Vec::new(), 0, 0);
    while let Some(mut folder) = pending.pop() {
        let opened = open_beneath(root.as_fd(), &folder.path)?;
        let found = opened.metadata().at("read", dir)?;
        let itself = (found.dev(), found.ino());
        if folder.around.contains(&itself) || folder.around.len() >= DEPTH_MOST {
            return unfit(&folder.path, "leads round in a circle, or is too deep");
        }
        folder.around.push(itself);
        for name in names_in(&opened, &folder.path)? {
            let path = if folder.path.is_empty() { name } else { format!("{}/{name}", folder.path) };
            seen += 1;
            bundle::refuse_larger(seen, bytes, limits)?;
            if let Some(why) = bundle::unfit(&path) {
                return unfit(&path, why);
            }
            let mut file = open_beneath(root.as_fd(), &path)?;
            let found = file.metadata().at("read", dir)?;
            if found.is_dir() {
                pending.push(Pending { path, around: folder.around.clone() });
                continue;
            }
            bundle::refuse_larger(seen, bytes + found.len(), limits)?;
            let (sha256, length) = take(&mut file)?;
            bytes += length;
            bundle::refuse_larger(seen, bytes, limits)?;
            let executable = found.permissions().mode() & 0o100 != 0;
            files.push(ManifestFile { bytes: length, executable, path, sha256 });
        }
    }
    Manifest::of(files)
}

/// Opens a plain file or a folder inside the root. First without opening what is there, because opening a
/// device or a pipe already does something.
fn open_beneath(root: BorrowedFd<'_>, path: &str) -> Result<File, StoreError> {
    let looked = open_as(root, path, OFlags::PATH)?;
    refuse_special(&looked, path)?;
    let opened = open_as(root, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    refuse_special(&opened, path)?;
    Ok(File::from(opened))
}

fn open_as(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, StoreError> {
    let shown = if path.is_empty() { "." } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        match openat2(root, shown, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Ok(opened) => return Ok(opened),
            // The kernel could not tell, because something was renamed meanwhile.
            Err(Errno::AGAIN | Errno::INTR) if tries < TRIES_MOST => tries += 1,
            Err(Errno::XDEV) => return unfit(shown, "is a link that leaves the folder"),
            Err(Errno::LOOP) => {
                return unfit(shown, "is a link that leads to itself or to a process's own files");
            }
            Err(Errno::NOENT) => return unfit(shown, "leads to nothing"),
            Err(error) => return Err(io::Error::from(error)).at("open in the folder", Path::new(shown)),
        }
    }
}

fn refuse_special(opened: &OwnedFd, path: &str) -> Result<(), StoreError> {
    let found = rustix::fs::fstat(opened).at("read", Path::new(path))?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok(()),
        _ => unfit(path, "is neither a file nor a folder"),
    }
}

fn names_in(opened: &File, path: &str) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(opened).at("list", Path::new(path))? {
        let name = entry.at("list", Path::new(path))?.file_name().to_owned();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let name = name.into_string();
        names.push(name.or_else(|_| unfit(path, "holds a name that is not UTF-8"))?);
    }
    Ok(names)
}

fn unfit<T>(path: &str, why: &'static str) -> Result<T, StoreError> {
    let shown = if path.is_empty() { "." } else { path };
    Err(StoreError::UnfitBundle { path: shown.to_owned(), why })
}

#[cfg(test)]
mod tests;
