//! Profiles: who a person is to which server, with the API key and the signing key.
//!
//! ```text
//! HOME/profiles/NAME/profile.toml     server, organisation and API key
//! HOME/profiles/NAME/signing.key      the seed of the Ed25519 key, as 64 hexadecimal digits
//! ```
//!
//! Files are 0600 and folders 0700. They never lie in a server's data folder: the server must not be able to
//! sign for anybody.

use crate::draw;
use crate::error::{At, CliError};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use sinew_contract::SecretKey;
use sinew_types::Name;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a data folder can be known by.
const DATA_FOLDER_MARK: &str = "sinew.json";

/// Who somebody is to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The server's address.
    pub(crate) server: String,
    /// The organisation's name.
    pub(crate) organisation: String,
    /// Its API key.
    pub(crate) key: String,
    /// Which Sinew the server is, so that a new address can be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
}

/// The folder of all profiles.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    path: PathBuf,
    data: PathBuf,
}

impl Home {
    /// The profiles in `path`, which must not be inside the server's folder `data`.
    pub(crate) fn new(path: &Path, data: &Path) -> Self {
        Self { path: path.to_path_buf(), data: data.to_path_buf() }
    }

    /// The names of all profiles, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, CliError> {
        let folder = self.path.join("profiles");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.at("list", &folder)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.at("list", &folder)?;
            if entry.path().join("profile.toml").is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The profile to use where nobody names one: the only one, or the one called `default`.
    pub(crate) fn usual(&self) -> Result<Option<String>, CliError> {
        let names = self.names()?;
        match &names[..] {
            [] => Ok(None),
            [only] => Ok(Some(only.clone())),
            several if several.iter().any(|name| name == "default") => Ok(Some("default".to_owned())),
            several => {
                let names = several.join(", ");
                Err(CliError::Usage(format!(
                    "there are several profiles ({names}): choose one with --profile or SINEW_PROFILE"
                )))
            }
        }
    }

    /// Where a profile's file is.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, CliError> {
        Ok(self.folder(name)?.join("profile.toml"))
    }

    /// Where a profile's signing key is.
    pub(crate) fn signing_key_file(&self, name: &str) -> Result<PathBuf, CliError> {
        Ok(self.folder(name)?.join("signing.key"))
    }

    /// Reads a profile.
    pub(crate) fn load(&self, name: &str) -> Result<Profile, CliError> {
        let path = self.file(name)?;
        let Some(text) = read_private(&path)? else {
            return Err(CliError::Usage(format!(
                "there is no profile `{name}` in {}: `sinew org join` makes one, `sinew config show` lists them",
                self.path.display()
            )));
        };
        toml::from_str(&text)
            .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", path.display())))
    }

    /// Writes a profile, whole or not at all.
    pub(crate) fn save(&self, name: &str, profile: &Profile) -> Result<PathBuf> {
        let path = self.file(name)?;
        self.make_folder(name)?;
        let text = toml::to_string(profile).expect("text has a TOML form");
        write_private(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Makes a profile's folder, so that a key that cannot be asked for again surely has a place.
    pub(crate) fn make_folder(&self, name: &str) -> Result<(), CliError> {
        self.refuse_inside_data()?;
        let folder = self.folder(name)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).at("make the folder", &folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).at("protect", &folder)
    }

    /// Removes a profile that nothing was done with yet. A signing key stays: it may be known to somebody.
    pub(crate) fn remove(&self, name: &str) -> Result<(), CliError> {
        let file = self.file(name)?;
        fs::remove_file(&file).at("remove", &file)?;
        match fs::remove_dir(self.folder(name)?) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error).at("remove", &file),
            _ => Ok(()),
        }
    }

    /// The signing key of a profile, if it has one.
    pub(crate) fn signing_key(&self, name: &str) -> Result<Option<SecretKey>, CliError> {
        let path = self.signing_key_file(name)?;
        let Some(text) = read_private(&path)? else { return Ok(None) };
        let seed: sinew_types::Hash = text.trim_end().parse().map_err(|_| {
            CliError::Usage(format!("{} is not a signing key: bring it back from a copy", path.display()))
        })?;
        Ok(Some(SecretKey::from_seed(seed.bytes())))
    }

    /// The secret of another key of a profile, such as a witness's; draws one and keeps it before it is used.
    pub(crate) fn ensure_seed(&self, name: &str, file: &str) -> Result<[u8; 32]> {
        if let Some(seed) = self.seed(name, file)? {
            return Ok(seed);
        }
        let seed: [u8; 32] = draw::bytes()?;
        self.make_folder(name)?;
        let path = self.folder(name)?.join(file);
        write_private(&path, format!("{}\n", sinew_types::Hash::from_bytes(seed)).as_bytes())?;
        Ok(seed)
    }

    /// That secret, where it was drawn.
    pub(crate) fn seed(&self, name: &str, file: &str) -> Result<Option<[u8; 32]>> {
        let path = self.folder(name)?.join(file);
        let Some(text) = read_private(&path)? else { return Ok(None) };
        let wrong = || CliError::Usage(format!("{} is not a key: bring it back from a copy", path.display()));
        let seed: sinew_types::Hash = text.trim_end().parse().map_err(|_| wrong())?;
        Ok(Some(*seed.bytes()))
    }

    /// Whether that secret was drawn.
    pub(crate) fn has_seed(&self, name: &str, file: &str) -> Result<bool, CliError> {
        Ok(self.folder(name)?.join(file).exists())
    }

    /// Removes that secret, before anybody used it.
    pub(crate) fn remove_seed(&self, name: &str, file: &str) -> Result<(), CliError> {
        let path = self.folder(name)?.join(file);
        fs::remove_file(&path).at("remove", &path)
    }

    /// Where a profile's witness keeps what it saw.
    pub(crate) fn witness_folder(&self, name: &str) -> Result<PathBuf, CliError> {
        self.make_folder(name)?;
        let folder = self.folder(name)?.join("witness");
        fs::create_dir_all(&folder).at("make the folder", &folder)?;
        Ok(folder)
    }

    /// The signing key of a profile; draws one and keeps it before anybody hears of its public half.
    pub(crate) fn ensure_signing_key(&self, name: &str) -> Result<SecretKey> {
        if let Some(key) = self.signing_key(name)? {
            return Ok(key);
        }
        let seed: [u8; 32] = draw::bytes()?;
        self.make_folder(name)?;
        let text = format!("{}\n", sinew_types::Hash::from_bytes(seed));
        write_private(&self.signing_key_file(name)?, text.as_bytes())?;
        Ok(SecretKey::from_seed(&seed))
    }

    fn folder(&self, name: &str) -> Result<PathBuf, CliError> {
        let checked: Name = name
            .parse()
            .map_err(|wrong| CliError::Usage(format!("a profile cannot have this name: {wrong}")))?;
        Ok(self.path.join("profiles").join(checked.as_str()))
    }

    /// Refuses a home in this server's data folder, or in any other one.
    fn refuse_inside_data(&self) -> Result<(), CliError> {
        let home = resolved(&self.path)?;
        let data = resolved(&self.data)?;
        let marked = home.ancestors().find(|folder| folder.join(DATA_FOLDER_MARK).is_file());
        let inside = if home.starts_with(&data) { Some(data.as_path()) } else { marked };
        match inside {
            Some(data) => Err(CliError::HomeInsideData { home: self.path.clone(), data: data.to_path_buf() }),
            None => Ok(()),
        }
    }
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> Result<PathBuf, CliError> {
    let absolute = std::path::absolute(path).at("find", path)?;
    let mut missing = Vec::new();
    let mut at = absolute.as_path();
    loop {
        match at.canonicalize() {
            Ok(found) => return Ok(missing.iter().rev().fold(found, |path, name| path.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).at("find", path),
        }
        match (at.file_name(), at.parent()) {
            (Some(name), Some(parent)) => {
                missing.push(name);
                at = parent;
            }
            _ => return Ok(absolute),
        }
    }
}

/// The text of a file that only its owner may read; nothing where there is no file.
fn read_private(path: &Path) -> Result<Option<String>, CliError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.at("open", path)?,
    };
    if file.metadata().at("look at", path)?.permissions().mode() & 0o077 != 0 {
        return Err(CliError::Exposed { path: path.to_path_buf() });
    }
    io::read_to_string(file).map(Some).at("read", path)
}

/// Puts a file there that only its owner may read, whole or not at all, and surely.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_file_name(format!(".{}.tmp", draw::suffix()?));
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
    let mut file = opened.at("create", &partial)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).at("write", &partial)?;
    fs::rename(&partial, path).at("put in place", path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).at("make durable", folder)?;
    Ok(())
}

#[cfg(test)]
mod tests;
