//! Fetching a file over HTTP, going on where an earlier try stopped.
//!
//! The bytes stand in `NAME.part` until all are there. Beside it `NAME.from` keeps the server's validator: a later try asks
//! for the rest only if the file is still the same (RFC 9110, sections 13.1.5 and 14.2).

use super::size;
use crate::error::{At, CliError};
use crate::outside;
use crate::print;
use anyhow::{Context as _, Result, bail};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const CHUNK_BYTES: usize = 256 << 10;
/// How often a broken connection is taken up again in one go.
const TRIES: u32 = 5;
/// A list of files; a model's is far smaller.
const ANSWER_BYTES_MOST: u64 = 16 << 20;

/// Fetches from servers that are not Sinew's.
pub(crate) struct Downloader {
    agent: Agent,
    token: Option<String>,
}

/// How far a file has come.
enum Piece {
    Whole,
    /// The connection ended early; why.
    Cut(String),
}

/// What a server says a file is, from which byte on.
struct Offered {
    from: u64,
    total: Option<u64>,
    validator: Option<String>,
}

impl Downloader {
    /// With a key for repositories that ask for one.
    pub(crate) fn new(token: Option<String>) -> Downloader {
        Downloader { agent: outside::agent(ANSWER_WITHIN), token }
    }

    /// A short answer as text.
    pub(crate) fn text(&self, url: &str) -> Result<String> {
        let mut answer = self.ask(url, None)?;
        refused(url, &answer)?;
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MOST);
        body.read_to_string().with_context(|| format!("the answer of {url} cannot be read"))
    }

    /// Fetches a file whole; what an earlier try left of it is not fetched again.
    pub(crate) fn file(&self, url: &str, to: &Path, bytes: Option<u64>) -> Result<()> {
        if to.exists() {
            return Ok(());
        }
        let partial = Partial::of(to);
        for _ in 1..TRIES {
            match self.piece(url, &partial, bytes)? {
                Piece::Whole => return partial.done(to),
                Piece::Cut(why) => print::progress(format_args!("{why}; going on")),
            }
        }
        match self.piece(url, &partial, bytes)? {
            Piece::Whole => partial.done(to),
            Piece::Cut(why) => {
                let next = match partial.begun() {
                    (_, Some(_)) => "the same command goes on from there",
                    (_, None) => "try again, from the start, as this server does not say what it sends",
                };
                bail!("{url} broke off after {} ({why}): {next}", size(partial.length()))
            }
        }
    }

    fn ask(&self, url: &str, rest: Option<(u64, &str)>) -> Result<Response<Body>> {
        let mut request = self.agent.get(url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some((from, validator)) = rest {
            request = request.header("Range", format!("bytes={from}-")).header("If-Range", validator);
        }
        request.call().with_context(|| {
            format!("cannot fetch {url}: look whether this machine reaches it, then try again")
        })
    }

    fn piece(&self, url: &str, partial: &Partial, bytes: Option<u64>) -> Result<Piece> {
        let (have, validator) = partial.begun();
        let rest = validator.as_deref().filter(|_| have > 0).map(|validator| (have, validator));
        let mut answer = self.ask(url, rest)?;
        if answer.status() == 416 {
            // What is here is longer than what is there: it is of another file.
            partial.forget()?;
            answer = self.ask(url, None)?;
        }
        refused(url, &answer)?;
        let offered = Offered::read(&answer, have);
        if let (Some(total), Some(bytes)) = (offered.total, bytes)
            && total != bytes
        {
            bail!("{url} has {total} bytes, not {bytes}: it changed since it was listed; try again");
        }
        let mut file = partial.open(&offered)?;
        let mut reader = answer.body_mut().with_config().limit(u64::MAX).reader();
        copy(&mut reader, &mut file, (partial, &offered))
    }
}

/// A status that is not a file, as a sentence.
fn refused(url: &str, answer: &Response<Body>) -> Result<()> {
    match answer.status().as_u16() {
        200 | 206 => Ok(()),
        401 | 403 => bail!(
            "{url} is not open to everyone: accept its terms where it is published, and set HF_TOKEN to your key"
        ),
        404 => bail!("there is nothing at {url}: look at the name"),
        status => bail!("{url} answers with status {status}: try again later"),
    }
}

impl Offered {
    fn read(answer: &Response<Body>, have: u64) -> Offered {
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| header(name).and_then(|text| text.parse::<u64>().ok());
        // A weak validator says that the meaning is the same, not the bytes.
        let strong = header("etag").filter(|tag| !tag.starts_with("W/"));
        let validator = strong.or_else(|| header("last-modified")).map(str::to_owned);
        let range = header("content-range").and_then(|text| text.strip_prefix("bytes "));
        let range = range.and_then(|text| text.split_once('/'));
        let from = range.and_then(|(range, _)| range.split_once('-')?.0.parse().ok());
        match (answer.status().as_u16(), from) {
            (206, Some(from)) if from == have => {
                Offered { from, total: range.and_then(|(_, total)| total.parse().ok()), validator }
            }
            _ => Offered { from: 0, total: number("content-length"), validator },
        }
    }
}

/// A file that is being fetched.
struct Partial {
    bytes: PathBuf,
    validator: PathBuf,
}

impl Partial {
    fn of(to: &Path) -> Partial {
        let beside = |ending: &str| to.with_file_name(format!("{}{ending}", super::file_name(to)));
        Partial { bytes: beside(".part"), validator: beside(".from") }
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.bytes).map_or(0, |about| about.len())
    }

    /// How many bytes are here, and of what.
    fn begun(&self) -> (u64, Option<String>) {
        (self.length(), fs::read_to_string(&self.validator).ok())
    }

    fn forget(&self) -> Result<()> {
        Ok(fs::remove_file(&self.bytes).at("remove", &self.bytes)?)
    }

    /// Ready to take what is offered: after what is here, or from the start.
    fn open(&self, offered: &Offered) -> Result<File, CliError> {
        if offered.from > 0 {
            return OpenOptions::new().append(true).open(&self.bytes).at("open", &self.bytes);
        }
        let file = File::create(&self.bytes).at("create", &self.bytes)?;
        match &offered.validator {
            Some(validator) => fs::write(&self.validator, validator).at("write", &self.validator)?,
            // Nobody could say later whether it is still the same file.
            None => {
                let _ = fs::remove_file(&self.validator);
            }
        }
        Ok(file)
    }

    fn done(&self, to: &Path) -> Result<()> {
        fs::rename(&self.bytes, to).at("put in place", to)?;
        // There is none where the server did not say what it sent.
        let _ = fs::remove_file(&self.validator);
        Ok(())
    }
}

/// Writes what comes, and says how far it is at each tenth.
fn copy(from: &mut dyn Read, to: &mut File, what: (&Partial, &Offered)) -> Result<Piece> {
    let (partial, offered) = what;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut here = offered.from;
    let tenths = |here: u64| offered.total.map_or(here / 100_000_000, |total| here * 10 / total.max(1));
    let mut told = tenths(here);
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Ok(Piece::Cut(error.to_string())),
        };
        to.write_all(&chunk[..read]).at("write", &partial.bytes)?;
        here += u64::try_from(read).unwrap_or(u64::MAX);
        if tenths(here) > told {
            told = tenths(here);
            tell(partial, here, offered.total);
        }
    }
    match offered.total {
        Some(total) if here < total => Ok(Piece::Cut("the connection ended early".to_owned())),
        Some(total) if here > total => bail!("more bytes came than were announced: try again"),
        _ => Ok(Piece::Whole),
    }
}

fn tell(partial: &Partial, here: u64, total: Option<u64>) {
    let name = partial.bytes.file_stem().unwrap_or_default().display().to_string();
    match total {
        Some(total) => print::progress(format_args!(
            "{name}: {} of {} ({} %)",
            size(here),
            size(total),
            here * 100 / total.max(1)
        )),
        None => print::progress(format_args!("{name}: {}", size(here))),
    }
}
