//! Files and folders on their way to and from an organisation's store.

use crate::client::Client;
use crate::error::{At, CliError};
use crate::print;
use anyhow::Result;
use sha2::{Digest, Sha256};
use sinew_api::ArtefactView;
use sinew_store::{BundleLimits, describe, hash_of};
use sinew_types::Hash;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const CHUNK_BYTES: usize = 256 << 10;

/// Sends one file.
pub(crate) fn put(client: &Client, path: &Path) -> Result<ArtefactView> {
    let mut file = File::open(path).at("open", path)?;
    let (hash, bytes) = hash_file(&mut file).at("read", path)?;
    print::progress(format_args!("{} ({bytes} bytes)", path.display()));
    let file = File::open(path).at("open", path)?;
    client.upload("/api/artefacts", &file, &hash.to_string())
}

/// Sends a folder: the files that the server does not have yet, then the manifest that names them. Answers the
/// manifest's hash.
pub(crate) fn put_folder(client: &Client, folder: &Path) -> Result<Hash> {
    let manifest = describe(folder, BundleLimits::default())?;
    let stored: Vec<ArtefactView> = client.list("/api/artefacts")?;
    let mut there: BTreeSet<String> = stored.into_iter().map(|artefact| artefact.hash).collect();
    for file in manifest.files() {
        let hash = file.sha256.to_string();
        if there.insert(hash.clone()) {
            print::progress(format_args!("{} ({} bytes)", file.path, file.bytes));
            let path = folder.join(&file.path);
            let opened = File::open(&path).at("open", &path)?;
            // A file that changed since it was described is refused by the server: the hash no longer fits.
            let _: ArtefactView = client.upload("/api/artefacts", &opened, &hash)?;
        }
    }
    let json = manifest.to_json();
    let hash = hash_of(&json);
    let _: ArtefactView = client.upload_bytes("/api/artefacts", &json, &hash.to_string())?;
    Ok(hash)
}

/// Hands an artefact's bytes on as they come, and refuses them in the end where they do not have their hash.
pub(crate) fn get(
    client: &Client,
    hash: Hash,
    write: &mut dyn FnMut(&[u8]) -> Result<(), CliError>,
) -> Result<()> {
    let path = format!("/api/artefacts/{hash}");
    let mut response = client.open(&path)?;
    let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = reader.read(&mut chunk).map_err(|source| CliError::Unreachable {
            server: client.server().to_owned(),
            source: source.into(),
        })?;
        if read == 0 {
            break;
        }
        digest.update(&chunk[..read]);
        write(&chunk[..read])?;
    }
    let found = Hash::from_bytes(digest.finalize().into());
    if found == hash {
        return Ok(());
    }
    let source = anyhow::anyhow!("the bytes have the hash {found}: fetch them again");
    Err(CliError::Answer { server: client.server().to_owned(), path, source }.into())
}

fn hash_file(file: &mut File) -> io::Result<(Hash, u64)> {
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok((Hash::from_bytes(digest.finalize().into()), bytes));
        }
        digest.update(&chunk[..read]);
        bytes += u64::try_from(read).unwrap_or(u64::MAX);
    }
}
