//! Finding suites: by name in the folder of known ones, or as files of one's own.

use crate::error::{At, CliError};
use crate::print;
use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use sinew_engine::suite::{Item, Known, Seen, Suite, known_names, known_suites, read_suite};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No suite is near this size; a file that is one only by name should not fill the memory.
const BYTES_MOST: u64 = 256 << 20;
/// MMLU's archive, with a file of questions and one of examples for each subject.
const MMLU: &str = "mmlu/mmlu_test_dev.tar.gz";

/// What was asked for in one word: a suite, or several that belong together.
pub(super) struct Group {
    /// As it was typed.
    pub(super) name: String,
    /// Its suites, in a fixed order.
    pub(super) suites: Vec<Suite>,
}

impl Group {
    /// Reads what a word stands for. `folder` has the files of the known suites.
    pub(super) fn read(word: &str, folder: &Path) -> Result<Group> {
        let name = word.to_owned();
        if word == "mmlu" {
            return Ok(Group { name, suites: read_mmlu(&folder.join(MMLU))? });
        }
        let suites = match known_suites(word) {
            Some(known) => read_known(&known, folder)?,
            None => vec![read_own(word)?],
        };
        Ok(Group { name, suites })
    }
}

/// Which questions stand in these texts, by group and suite; nothing where no text is named.
pub(super) fn seen(groups: &[Group], texts: &[PathBuf]) -> Result<Vec<Vec<Seen>>> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let all = groups.iter().map(|group| group.suites.iter().map(Seen::new).collect());
    let mut all: Vec<Vec<Seen>> = all.collect();
    for path in texts {
        let text = text_at(path)?;
        all.iter_mut().flatten().for_each(|seen| seen.look(&text));
    }
    Ok(all)
}

/// The suites of a name. Where several belong to it, those without a file are left out and named.
fn read_known(known: &[Known], folder: &Path) -> Result<Vec<Suite>> {
    let (mut suites, mut missing) = (Vec::new(), Vec::new());
    for known in known {
        let Some(path) = present(&folder.join(&known.file)) else {
            missing.push(known.name.as_str());
            continue;
        };
        let mut suite = read(known, &path)?;
        if let Some(examples) = &known.examples {
            let path =
                present(&folder.join(examples)).with_context(|| absent(&known.name, folder, examples))?;
            suite.examples = read(known, &path)?.items;
        }
        suites.push(suite);
    }
    if suites.is_empty() {
        return Err(CliError::Usage(absent(&known[0].name, folder, &known[0].file)).into());
    }
    if !missing.is_empty() {
        print::note(format_args!(
            "left out, since {} does not have them: {}",
            folder.display(),
            missing.join(", ")
        ));
    }
    Ok(suites)
}

fn absent(name: &str, folder: &Path, file: &str) -> String {
    format!(
        "`{name}` needs {file}, plain or .gz, below {}: name the folder that has it with --from or SINEW_SUITES",
        folder.display()
    )
}

/// The file itself or its compressed form.
fn present(path: &Path) -> Option<PathBuf> {
    let mut packed = path.as_os_str().to_owned();
    packed.push(".gz");
    [path.to_owned(), PathBuf::from(packed)].into_iter().find(|path| path.is_file())
}

fn read_own(word: &str) -> Result<Suite> {
    let path = Path::new(word);
    if !path.is_file() {
        let names = known_names().join(", ");
        let why = format!(
            "there is no suite and no file `{word}`; suites are {names}, one of bbh/…, or a file of yours"
        );
        return Err(CliError::Usage(why).into());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".gz").trim_end_matches(".jsonl");
    read(&Known::own(name, word), path)
}

fn read(known: &Known, path: &Path) -> Result<Suite> {
    parse(known, &text_at(path)?, &path.display().to_string())
}

/// What stands in a file, plain or .gz.
fn text_at(path: &Path) -> Result<String> {
    let file = File::open(path).at("read", path)?;
    let text = match path.extension().is_some_and(|end| end == "gz") {
        true => text_of(MultiGzDecoder::new(file)),
        false => text_of(file),
    };
    text.with_context(|| format!("{} cannot be read", path.display()))
}

fn text_of(from: impl Read) -> Result<String> {
    let mut text = String::new();
    let read = from.take(BYTES_MOST + 1).read_to_string(&mut text)?;
    anyhow::ensure!(read as u64 <= BYTES_MOST, "it is larger than {} MiB", BYTES_MOST >> 20);
    Ok(text)
}

fn parse(known: &Known, text: &str, place: &str) -> Result<Suite> {
    Ok(read_suite(known, text).map_err(|error| CliError::Usage(format!("{place}: {error}")))?)
}

/// All subjects of MMLU, in the order of their names, each with its own examples.
fn read_mmlu(path: &Path) -> Result<Vec<Suite>> {
    let missing = || {
        format!("`mmlu` needs {}: name the folder that has it with --from or SINEW_SUITES", path.display())
    };
    let file = File::open(path).map_err(|_| CliError::Usage(missing()))?;
    let broken = || format!("{} cannot be read", path.display());
    let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
    let (mut questions, mut examples) = (BTreeMap::new(), BTreeMap::<String, Vec<Item>>::new());
    for entry in archive.entries().with_context(broken)? {
        let entry = entry.with_context(broken)?;
        let inside = entry.path().with_context(broken)?.to_string_lossy().into_owned();
        let packed = inside.ends_with(".gz");
        let Some((part, subject)) = subject(inside.trim_end_matches(".gz")) else { continue };
        let text = if packed { text_of(MultiGzDecoder::new(entry)) } else { text_of(entry) };
        let place = format!("{}/{inside}", path.display());
        let suite =
            parse(&Known::mmlu(&subject), &text.with_context(|| format!("{place} cannot be read"))?, &place)?;
        match part {
            Part::Test => drop(questions.insert(subject, suite)),
            Part::Dev => drop(examples.insert(subject, suite.items)),
        }
    }
    let mut suites = Vec::new();
    for (subject, mut suite) in questions {
        suite.examples = examples
            .remove(&subject)
            .with_context(|| format!("{} has no dev/{subject}_dev.csv", path.display()))?;
        suites.push(suite);
    }
    anyhow::ensure!(!suites.is_empty(), "{} has no subject of MMLU in it", path.display());
    Ok(suites)
}

enum Part {
    Test,
    Dev,
}

/// `test/anatomy_test.csv` is anatomy's questions.
fn subject(inside: &str) -> Option<(Part, String)> {
    let name = inside.rsplit('/').next()?;
    let cut = |end: &str| name.strip_suffix(end).map(str::to_owned);
    cut("_test.csv").map(|name| (Part::Test, name)).or_else(|| cut("_dev.csv").map(|name| (Part::Dev, name)))
}
