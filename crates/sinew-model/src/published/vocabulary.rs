//! The vocabularies of published models: byte-level pairs, or pieces with scores as SentencePiece has them.

use super::gguf::Gguf;
use crate::error::ModelError;
use crate::tokenizer::letter_bytes;
use pieces::Pieces;
use std::collections::{BTreeMap, BTreeSet};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

mod pieces;

/// Between the letters of what must not be read as a special token; no text of a person keeps it.
pub const BREAK: char = '\u{f8ff}';
/// The most bytes of one token's text.
const TOKEN_BYTES_MOST: usize = 4096;
/// The most pairs that are joined.
const MERGES_MOST: usize = 1 << 21;
/// Control tokens that end an answer, whatever the file says of its end.
const ENDS: [&str; 6] = ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>", "<|end|>", "</s>"];
/// How Llama 3 and Qwen 2 cut a text before pairs are joined; they differ in how many digits stay together.
const CUTS_LLAMA: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const CUTS_QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A vocabulary and its rules.
pub struct Vocabulary {
    rules: Rules,
    bytes: Vec<Vec<u8>>,
    specials: Vec<(String, u32)>,
    controls: BTreeSet<u32>,
    begin: Option<u32>,
    ends: Vec<u32>,
}

enum Rules {
    Pairs(Box<Tokenizer>),
    Pieces(Box<Pieces>),
}

impl Vocabulary {
    /// The vocabulary in a GGUF file's head.
    pub fn from_gguf(gguf: &Gguf) -> Result<Vocabulary, ModelError> {
        let tokens = gguf.texts("tokenizer.ggml.tokens").ok_or_else(|| invalid("it has no tokens"))?;
        check_tokens(tokens.iter().map(String::as_str))?;
        let kinds = gguf.numbers("tokenizer.ggml.token_type").unwrap_or(&[]);
        // Kind 3 controls; kind 4 is a text that somebody added, and controls too if it looks like it.
        let special = |index: &usize| match kinds.get(*index) {
            Some(3.0) => true,
            Some(4.0) => looks_special(&tokens[*index]),
            _ => false,
        };
        let specials = (0..tokens.len()).filter(special);
        let specials: Vec<_> = specials.map(|index| (tokens[index].clone(), index as u32)).collect();
        let added = (0..tokens.len()).filter(|index| kinds.get(*index) == Some(&4.0) && !special(index));
        let added: Vec<String> = added.map(|index| tokens[index].clone()).collect();
        let (rules, bytes) = match gguf.text("tokenizer.ggml.model") {
            Some("gpt2") => (Rules::Pairs(Box::new(pairs(gguf, tokens, added)?)), letters_of(tokens)),
            Some("llama") => {
                let scores = gguf.numbers("tokenizer.ggml.scores").unwrap_or(&[]);
                let prefix = gguf.truth("tokenizer.ggml.add_space_prefix").unwrap_or(true);
                let pieces = Pieces::new(tokens, scores, prefix).map_err(|reason| invalid(&reason))?;
                (
                    Rules::Pieces(Box::new(pieces)),
                    tokens.iter().map(|token| pieces::bytes_of(token)).collect(),
                )
            }
            other => {
                let name = other.unwrap_or("none");
                return Err(invalid(&format!("its kind is `{name}`; gpt2 and llama are known")));
            }
        };
        let id = |name: &str| {
            let id = gguf.whole(&format!("tokenizer.ggml.{name}_token_id"));
            id.and_then(|id| u32::try_from(id).ok()).filter(|id| (*id as usize) < tokens.len())
        };
        let spaced = gguf.text("tokenizer.ggml.model") == Some("llama");
        let begins = gguf.truth("tokenizer.ggml.add_bos_token").unwrap_or(spaced);
        let mut ends: Vec<u32> = ["eos", "eot", "eom"].iter().filter_map(|name| id(name)).collect();
        ends.extend(specials.iter().filter(|(text, _)| ENDS.contains(&text.as_str())).map(|(_, id)| *id));
        Vocabulary::finish(rules, bytes, specials, (id("bos").filter(|_| begins), ends))
    }

    /// The vocabulary of `tokenizer.json`; `ends` are the tokens that `config.json` ends answers with.
    pub fn from_json(json: &str, ends: &[u32]) -> Result<Vocabulary, ModelError> {
        tokenizers::utils::parallelism::set_parallelism(false);
        let mut inner: Tokenizer = json.parse().map_err(|error| invalid(&format!("{error}")))?;
        inner.set_encode_special_tokens(true);
        let known = inner.get_vocab(true);
        let size = known.values().map(|id| *id as usize + 1).max().unwrap_or(0);
        if size > 1 << 20 {
            return Err(invalid(&format!("it has {size} tokens, more than 2^20")));
        }
        let mut tokens = vec![String::new(); size];
        for (text, id) in known {
            tokens[id as usize] = text;
        }
        check_tokens(tokens.iter().map(String::as_str))?;
        let (mut specials, mut added) = (Vec::new(), BTreeSet::new());
        for (id, token) in inner.get_added_tokens_decoder() {
            if token.special || looks_special(&token.content) {
                specials.push((token.content, id));
            } else {
                added.insert(token.content);
            }
        }
        specials.sort();
        let table = letter_bytes();
        let controls: BTreeSet<&str> = specials.iter().map(|(text, _)| text.as_str()).collect();
        let plain =
            tokens.iter().filter(|token| !controls.contains(token.as_str()) && !added.contains(*token));
        let letters = plain.flat_map(|token| token.chars()).all(|letter| table.contains_key(&letter));
        let bytes = if letters {
            letters_of(&tokens)
        } else {
            tokens.iter().map(|token| pieces::bytes_of(token)).collect()
        };
        let encoded = inner.encode_fast("", true).map_err(|error| invalid(&format!("{error}")))?;
        let begin = encoded.get_ids().first().copied();
        let mut ends = ends.to_vec();
        ends.extend(specials.iter().filter(|(text, _)| ENDS.contains(&text.as_str())).map(|(_, id)| *id));
        Vocabulary::finish(Rules::Pairs(Box::new(inner)), bytes, specials, (begin, ends))
    }

    fn finish(
        rules: Rules,
        mut bytes: Vec<Vec<u8>>,
        mut specials: Vec<(String, u32)>,
        (begin, mut ends): (Option<u32>, Vec<u32>),
    ) -> Result<Vocabulary, ModelError> {
        // What a template adds need not be a token that there is.
        let strangers = specials.iter().map(|(_, id)| id).chain(begin.iter());
        if let Some(id) = strangers.copied().find(|id| *id as usize >= bytes.len()) {
            return Err(invalid(&format!("it names the token {id} and has only {}", bytes.len())));
        }
        // A special token is found before one that is the start of its text.
        specials.retain(|(text, _)| !text.is_empty());
        specials.sort_by(|left, right| right.0.len().cmp(&left.0.len()).then(left.0.cmp(&right.0)));
        for (_, id) in &specials {
            bytes[*id as usize].clear();
        }
        ends.sort_unstable();
        ends.dedup();
        let controls = specials.iter().map(|(_, id)| *id).collect();
        Ok(Vocabulary { rules, bytes, specials, controls, begin, ends })
    }

    /// How many tokens there are.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The token that every text begins with, where the model wants one.
    pub fn begin(&self) -> Option<u32> {
        self.begin
    }

    /// The tokens that end an answer.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The text of a special token.
    pub fn special_text(&self, id: u32) -> Option<&str> {
        self.specials.iter().find(|(_, special)| *special == id).map(|(text, _)| text.as_str())
    }

    /// The special token that is written so.
    pub fn special_id(&self, text: &str) -> Option<u32> {
        self.specials.iter().find(|(special, _)| special == text).map(|(_, id)| *id)
    }

    /// The bytes of one token; none for a special token or an unknown id.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// The tokens of a text; special tokens are never among them, whatever the text says.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = match &self.rules {
            Rules::Pieces(pieces) => pieces.encode(text),
            Rules::Pairs(inner) => {
                let encoding = inner.encode_fast(text, false);
                encoding.map_err(|error| invalid(&format!("{error}")))?.get_ids().to_vec()
            }
        };
        // A special token of one letter is a letter's own token as well.
        ids.retain(|id| !self.controls.contains(id));
        Ok(ids)
    }

    /// The tokens of a text that a template made: the texts of special tokens in it are those tokens, but where
    /// [`BREAK`] stands between their letters.
    pub fn encode_marked(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let first = self
                .specials
                .iter()
                .filter_map(|(special, id)| rest.find(special.as_str()).map(|at| (at, special.len(), *id)))
                .min_by_key(|(at, length, _)| (*at, usize::MAX - length));
            let (plain, tail) = match first {
                Some((at, length, id)) => (&rest[..at], Some((&rest[at + length..], id))),
                None => (rest, None),
            };
            if !plain.is_empty() {
                ids.extend(self.encode(&plain.replace(BREAK, ""))?);
            }
            let Some((tail, id)) = tail else { break };
            ids.push(id);
            rest = tail;
        }
        Ok(ids)
    }

    /// A person's text in which no special token can be found: those that it spells get a [`BREAK`], and those of one
    /// letter go.
    pub fn harmless(&self, text: &str) -> String {
        let mut text = text.replace(BREAK, "");
        for (special, _) in &self.specials {
            if text.contains(special.as_str()) {
                let first = special.chars().next().map_or(0, char::len_utf8);
                if first == special.len() {
                    text = text.replace(special.as_str(), "");
                    continue;
                }
                let broken = format!("{}{BREAK}{}", &special[..first], &special[first..]);
                text = text.replace(special.as_str(), &broken);
            }
        }
        text
    }

    /// The bytes of a row of tokens.
    pub fn decode(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().flat_map(|id| self.token_bytes(*id)).copied().collect()
    }
}

fn check_tokens<'a>(tokens: impl ExactSizeIterator<Item = &'a str>) -> Result<(), ModelError> {
    let count = tokens.len();
    if count == 0 || count > 1 << 20 {
        return Err(invalid(&format!("it has {count} tokens, not 1 to 2^20")));
    }
    match tokens.map(str::len).max() {
        Some(longest) if longest > TOKEN_BYTES_MOST => {
            Err(invalid(&format!("a token has {longest} bytes, more than {TOKEN_BYTES_MOST}")))
        }
        _ => Ok(()),
    }
}

/// The joining of pairs as a GGUF file has it.
fn pairs(gguf: &Gguf, tokens: &[String], added: Vec<String>) -> Result<Tokenizer, ModelError> {
    tokenizers::utils::parallelism::set_parallelism(false);
    let merges = gguf.texts("tokenizer.ggml.merges").ok_or_else(|| invalid("it has no merges"))?;
    if merges.len() > MERGES_MOST {
        return Err(invalid(&format!("it joins {} pairs, more than {MERGES_MOST}", merges.len())));
    }
    let pair = |text: &String| match text.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(invalid("a pair to join has one side only")),
    };
    let merges = merges.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let vocabulary: Vocab = (0_u32..).zip(tokens).map(|(id, token)| (token.clone(), id)).collect();
    let cuts = gguf.text("tokenizer.ggml.pre").unwrap_or("gpt-2");
    let builder = BPE::builder().vocab_and_merges(vocabulary, merges);
    let builder = builder.ignore_merges(cuts == "llama-bpe");
    let model = builder.build().map_err(|error| invalid(&format!("{error}")))?;
    let mut inner = Tokenizer::new(model);
    inner.with_pre_tokenizer(Some(cutter(cuts)?));
    let added: Vec<AddedToken> = added.into_iter().map(|text| AddedToken::from(text, false)).collect();
    inner.add_tokens(&added);
    Ok(inner)
}

fn cutter(name: &str) -> Result<PreTokenizerWrapper, ModelError> {
    let letters = |cut: bool| PreTokenizerWrapper::from(ByteLevel::new(false, true, cut));
    let split = |pattern: &str| {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
            .map_err(|error| invalid(&format!("{error}")))
    };
    let steps = match name {
        "gpt-2" | "default" => return Ok(letters(true)),
        "smollm" => vec![Digits::new(true).into(), letters(true)],
        "llama-bpe" | "llama3" | "smaug-bpe" => vec![split(CUTS_LLAMA)?.into(), letters(false)],
        "qwen2" => vec![split(CUTS_QWEN)?.into(), letters(false)],
        _ => {
            return Err(invalid(&format!(
                "it cuts texts as `{name}`; gpt-2, smollm, llama-bpe and qwen2 are known"
            )));
        }
    };
    Ok(Sequence::new(steps).into())
}

/// The bytes that byte-level tokens stand for; what is not made of byte letters stands for itself.
fn letters_of(tokens: &[String]) -> Vec<Vec<u8>> {
    let table: BTreeMap<char, u8> = letter_bytes();
    let bytes = |token: &String| -> Option<Vec<u8>> {
        token.chars().map(|letter| table.get(&letter).copied()).collect()
    };
    tokens.iter().map(|token| bytes(token).unwrap_or_else(|| token.as_bytes().to_vec())).collect()
}

/// Whether a text has the form in which most models write their special tokens.
fn looks_special(text: &str) -> bool {
    text.starts_with("<|") && text.ends_with("|>")
}

fn invalid(reason: &str) -> ModelError {
    ModelError::Tokenizer { task: "read", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
