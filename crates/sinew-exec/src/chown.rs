//! Gives a work folder to the user that its program runs as.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use crate::error::{ExecError, Result};

/// Gives the folder and all in it to this user. Links are given, never followed: the program wrote them.
/// Nothing of the program runs at this time, so that no name changes under the walk.
pub(crate) fn give(path: &Path, user: u32) -> Result<()> {
    let failed = |source| ExecError::File { action: "hand over", path: path.to_owned(), source };
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if metadata.uid() != user || metadata.gid() != user {
        lchown(path, Some(user), Some(user)).map_err(failed)?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            give(&entry.map_err(failed)?.path(), user)?;
        }
    }
    Ok(())
}
