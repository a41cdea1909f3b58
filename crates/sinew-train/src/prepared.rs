//! The folder of data that a training run reads, made once and the same for the same text.
//!
//! `corpus.bin` holds the training text, `sums.bin` and `dialogues.bin` packed turns (tokens of 16 bits; the highest
//! bit marks what the model is to say), `held-out.txt` the text and `held-out-sums.jsonl` the sums that nothing is ever
//! trained on, and `manifest.json` the hash of each file.

use crate::batch::{Packed, SAID};
use crate::dialogues::{Turn, dialogues};
use crate::error::TrainError;
use crate::sums::{Sum, WORDINGS_EACH};
use serde::{Deserialize, Serialize};
use sinew_model::{Special, Tokenizer, read_limited, sha256, write_whole};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What `prepare` made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this folder's form.
    pub version: u32,
    /// The hash of the whole text before it was divided.
    pub text_sha256: String,
    /// The bytes of the whole text.
    pub text_bytes: u64,
    /// Tokens in `corpus.bin`.
    pub corpus_tokens: u64,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// The hash of each file.
    pub files: BTreeMap<String, String>,
}

/// A sum that is never trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOutSum {
    /// What is asked.
    pub question: String,
    /// The right answer.
    pub answer: String,
}

/// The data of a run, read and checked.
#[derive(Clone)]
pub struct Prepared {
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    /// The tokens of the training text.
    pub corpus: Vec<u16>,
    /// The text that nothing is trained on.
    pub held_out_text: String,
    /// The sums that nothing is trained on.
    pub held_out_sums: Vec<HeldOutSum>,
    /// The hash of the manifest, and so of everything here.
    pub hash: String,
    pub(crate) sums: Packed,
    pub(crate) dialogues: Packed,
}

const VERSION: u32 = 1;
const FILE_BYTES_MOST: u64 = 1 << 30;
/// One part in this many of the text is kept for the gate.
const HELD_OUT_SHARE: usize = 20;
/// The tokens of the vocabulary, where nobody asks for another number.
pub const VOCABULARY: usize = 1024;
/// The tokens that a vocabulary may have: all bytes and special ones at least, and few enough for 15 bits.
const VOCABULARY_LEAST: usize = 320;
const VOCABULARY_MOST: usize = 1 << 14;
/// The bytes at the start of the text that the vocabulary is learnt from.
const VOCABULARY_BYTES: usize = 2 << 20;

/// Divides and encodes a text, adds dialogues and sums, and writes it all to `folder`.
///
/// The vocabulary has `vocabulary` tokens, or the nearest number that a vocabulary may have.
pub fn prepare(text: &str, folder: &Path, vocabulary: usize) -> Result<Manifest, TrainError> {
    let vocabulary = vocabulary.clamp(VOCABULARY_LEAST, VOCABULARY_MOST);
    fs::create_dir_all(folder).map_err(|source| TrainError::Read { path: folder.to_owned(), source })?;
    let (learnt, held_out) = divide(text);
    let talk = dialogues();
    let tokenizer = Tokenizer::train(&vocabulary_text(learnt, &talk), vocabulary)?;
    let corpus: Vec<u16> = narrow(tokenizer.encode(learnt)?);
    let mut packed = Vec::new();
    for turn in &talk {
        pack(&mut packed, &tokenizer, turn)?;
    }
    let mut sums = Vec::new();
    for sum in Sum::all().filter(|sum| !sum.held_out()) {
        for choice in 0..WORDINGS_EACH {
            pack(&mut sums, &tokenizer, &sum.turn(choice))?;
        }
    }
    let held_out_sums: String = Sum::all()
        .filter(|sum| sum.held_out())
        .map(|sum| HeldOutSum { question: sum.question(0), answer: sum.answer() })
        .map(|sum| serde_json::to_string(&sum).expect("a sum is plain data") + "\n")
        .collect();
    let files: [(&str, Vec<u8>); 6] = [
        ("corpus.bin", to_bytes(&corpus)),
        ("dialogues.bin", to_bytes(&packed)),
        ("held-out-sums.jsonl", held_out_sums.into_bytes()),
        ("held-out.txt", held_out.as_bytes().to_vec()),
        ("sums.bin", to_bytes(&sums)),
        ("tokenizer.json", tokenizer.to_json()?.into_bytes()),
    ];
    let mut manifest = Manifest {
        version: VERSION,
        text_sha256: sha256(text.as_bytes()),
        text_bytes: text.len() as u64,
        corpus_tokens: corpus.len() as u64,
        vocabulary: tokenizer.size(),
        files: BTreeMap::new(),
    };
    for (name, bytes) in files {
        write_whole(&folder.join(name), &bytes)?;
        manifest.files.insert(name.to_owned(), sha256(&bytes));
    }
    let json = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data") + "\n";
    write_whole(&folder.join("manifest.json"), json.as_bytes())?;
    Ok(manifest)
}

/// The training part and the last twentieth, divided at a line end where there is one near.
fn divide(text: &str) -> (&str, &str) {
    let mut cut = text.len() - text.len() / HELD_OUT_SHARE;
    while !text.is_char_boundary(cut) {
        cut += 1;
    }
    let line = text[..cut].rfind('\n').map(|place| place + 1);
    let near = line.filter(|place| cut - place < text.len() / (4 * HELD_OUT_SHARE));
    text.split_at(near.unwrap_or(cut))
}

/// Some of the text and all dialogues once, so that the words of both have tokens.
fn vocabulary_text(learnt: &str, talk: &[Turn]) -> String {
    let end = learnt.floor_char_boundary(VOCABULARY_BYTES);
    let mut text = learnt[..end].to_owned();
    for turn in talk {
        text.extend(["\n", &turn.asked, "\n", &turn.said]);
    }
    for sum in Sum::all().filter(|sum| sum.left.is_multiple_of(10)) {
        text.extend(["\n", &sum.question(0)]);
    }
    text
}

/// Appends a conversation of one turn in the form that the server uses.
fn pack(out: &mut Vec<u16>, tokenizer: &Tokenizer, turn: &Turn) -> Result<(), TrainError> {
    let special = |special| narrow(vec![tokenizer.special(special)])[0];
    let end = special(Special::End);
    out.extend([special(Special::Begin), special(Special::User)]);
    out.extend(narrow(tokenizer.encode(&turn.asked)?));
    out.extend([end, special(Special::Assistant)]);
    out.extend(narrow(tokenizer.encode(&turn.said)?).iter().map(|token| token | SAID));
    out.push(end | SAID);
    Ok(())
}

fn narrow(ids: Vec<u32>) -> Vec<u16> {
    ids.into_iter().map(|id| u16::try_from(id).expect("the vocabulary is far below 2^15")).collect()
}

fn to_bytes(tokens: &[u16]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
}

impl Prepared {
    /// Reads a prepared folder and checks each file against its hash.
    pub fn read(folder: &Path) -> Result<Prepared, TrainError> {
        let path = folder.join("manifest.json");
        let bad = |name: &str, reason: &str| TrainError::Data {
            path: folder.join(name),
            reason: reason.to_owned(),
        };
        let bytes = read_limited(&path, 1 << 20)?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|error| bad("manifest.json", &error.to_string()))?;
        if manifest.version != VERSION {
            return Err(bad("manifest.json", &format!("it has version {}, not {VERSION}", manifest.version)));
        }
        let read = |name: &str| {
            let bytes = read_limited(&folder.join(name), FILE_BYTES_MOST)?;
            match manifest.files.get(name) {
                Some(hash) if *hash == sha256(&bytes) => Ok(bytes),
                _ => Err(bad(name, "its bytes do not have the hash that the manifest names")),
            }
        };
        let text = |name: &str| String::from_utf8(read(name)?).map_err(|_| bad(name, "it is not UTF-8"));
        let tokenizer = Tokenizer::from_json(&text("tokenizer.json")?)?;
        let begin = narrow(vec![tokenizer.special(Special::Begin)])[0];
        let tokens =
            |name: &str| from_bytes(&read(name)?, tokenizer.size()).map_err(|reason| bad(name, &reason));
        let examples = |name: &str| {
            Packed::new(tokens(name)?, begin).ok_or_else(|| bad(name, "it does not start with an example"))
        };
        let corpus = tokens("corpus.bin")?;
        if corpus.len() < 2 || corpus.iter().any(|token| token & SAID != 0) {
            return Err(bad("corpus.bin", "it is not a row of at least two plain tokens"));
        }
        let held_out_sums: Result<Vec<HeldOutSum>, _> =
            text("held-out-sums.jsonl")?.lines().map(serde_json::from_str).collect();
        Ok(Prepared {
            corpus,
            held_out_text: text("held-out.txt")?,
            held_out_sums: held_out_sums.map_err(|error| bad("held-out-sums.jsonl", &error.to_string()))?,
            sums: examples("sums.bin")?,
            dialogues: examples("dialogues.bin")?,
            hash: sha256(&bytes),
            tokenizer,
        })
    }

    /// The tokens of the vocabulary, rounded up so that a row of logits fills whole vectors.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.size().next_multiple_of(64)
    }
}

fn from_bytes(bytes: &[u8], vocabulary: usize) -> Result<Vec<u16>, String> {
    let (chunks, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("it has an odd number of bytes".to_owned());
    }
    let tokens: Vec<u16> = chunks.iter().map(|chunk| u16::from_le_bytes(*chunk)).collect();
    match tokens.iter().find(|token| usize::from(**token & !SAID) >= vocabulary) {
        Some(token) => Err(format!("token {} is outside the vocabulary of {vocabulary}", token & !SAID)),
        None => Ok(tokens),
    }
}
