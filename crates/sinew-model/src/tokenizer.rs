//! From text to tokens and back: byte-level pairs, learnt from the training text, with each digit on its own.
//!
//! Any bytes have tokens, so no text is refused. The four special tokens are set by code only: the same letters inside
//! somebody's text are ordinary text, so nobody can end another person's turn by writing so.

use crate::error::ModelError;
use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, TokenizerImpl};

type Inner = TokenizerImpl<BPE, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// The tokens that no text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Begins a conversation.
    Begin,
    /// What follows was said by a person.
    User,
    /// What follows is said by the model.
    Assistant,
    /// Ends a turn.
    End,
}

impl Special {
    const ALL: [Special; 4] = [Special::Begin, Special::User, Special::Assistant, Special::End];

    fn text(self) -> &'static str {
        match self {
            Special::Begin => "<|bos|>",
            Special::User => "<|user|>",
            Special::Assistant => "<|assistant|>",
            Special::End => "<|end|>",
        }
    }
}

/// A vocabulary and its rules.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Inner,
    bytes: Vec<Vec<u8>>,
    specials: [u32; 4],
}

/// Pieces of at most about this many bytes are encoded at a time, so that a long text needs little memory.
const PIECE_BYTES: usize = 16 * 1024;

impl Tokenizer {
    /// Learns a vocabulary of `size` tokens from `text`. The same text gives the same tokenizer.
    pub fn train(text: &str, size: usize) -> Result<Tokenizer, ModelError> {
        tokenizers::utils::parallelism::set_parallelism(false);
        let mut trainer: BpeTrainer = BpeTrainer::builder()
            .vocab_size(size)
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(Special::ALL.map(|special| AddedToken::from(special.text(), true)).to_vec())
            .build();
        let mut inner = Inner::new(BPE::default());
        let steps: Vec<PreTokenizerWrapper> =
            vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()];
        inner.with_pre_tokenizer(Some(PreTokenizerWrapper::from(Sequence::new(steps))));
        inner.with_decoder(Some(DecoderWrapper::from(ByteLevelDecoder::new(false, true, true))));
        inner.train(&mut trainer, pieces(text)).map_err(|error| failed("trained", &error))?;
        let json = inner.to_string(true).map_err(|error| failed("written", &error))?;
        Tokenizer::from_json(&json)
    }

    /// Reads `tokenizer.json`.
    pub fn from_json(json: &str) -> Result<Tokenizer, ModelError> {
        tokenizers::utils::parallelism::set_parallelism(false);
        let mut inner: Inner = json.parse().map_err(|error| failed("read", &error))?;
        inner.set_encode_special_tokens(true);
        let bytes = token_bytes(&inner)?;
        let mut specials = [0; 4];
        for (place, special) in specials.iter_mut().zip(Special::ALL) {
            let missing = || invalid(format!("it has no token {}", special.text()));
            *place = inner.token_to_id(special.text()).ok_or_else(missing)?;
        }
        Ok(Tokenizer { inner, bytes, specials })
    }

    /// The text of `tokenizer.json`.
    pub fn to_json(&self) -> Result<String, ModelError> {
        self.inner.to_string(true).map_err(|error| failed("written", &error))
    }

    /// How many tokens there are.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The id of a special token.
    pub fn special(&self, special: Special) -> u32 {
        self.specials[special as usize]
    }

    /// The tokens of a text; special tokens are never among them.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = Vec::with_capacity(text.len() / 2);
        for piece in pieces(text) {
            let encoding = self.inner.encode_fast(piece, false).map_err(|error| failed("applied", &error))?;
            ids.extend_from_slice(encoding.get_ids());
        }
        Ok(ids)
    }

    /// The bytes of one token; none for a special token or an unknown id.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// The bytes of a row of tokens.
    pub fn decode(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().flat_map(|id| self.token_bytes(*id)).copied().collect()
    }
}

/// Cuts a text at line ends, so that no word and no run of white space is cut but a newline from what follows it.
fn pieces(text: &str) -> impl Iterator<Item = &str> + Send {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = rest.as_bytes().iter().skip(PIECE_BYTES).position(|byte| *byte == b'\n');
        let (piece, tail) = rest.split_at(cut.map_or(rest.len(), |cut| PIECE_BYTES + cut + 1));
        rest = tail;
        Some(piece)
    })
}

fn token_bytes(inner: &Inner) -> Result<Vec<Vec<u8>>, ModelError> {
    let size = inner.get_vocab_size(true);
    let table = letter_bytes();
    let mut bytes = Vec::with_capacity(size);
    for id in 0..u32::try_from(size).map_err(|_| invalid("it has too many tokens".to_owned()))? {
        let token =
            inner.id_to_token(id).ok_or_else(|| invalid(format!("token {id} of {size} is missing")))?;
        if Special::ALL.iter().any(|special| special.text() == token) {
            bytes.push(Vec::new());
            continue;
        }
        let letters: Option<Vec<u8>> = token.chars().map(|letter| table.get(&letter).copied()).collect();
        bytes.push(letters.ok_or_else(|| invalid(format!("token {id} is not made of bytes")))?);
    }
    Ok(bytes)
}

/// The letters by which byte-level vocabularies write bytes: visible Latin-1 ones stand for themselves, the others for
/// the letters from U+0100 on.
pub(crate) fn letter_bytes() -> std::collections::BTreeMap<char, u8> {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100;
    let mut table = std::collections::BTreeMap::new();
    for byte in 0..=u8::MAX {
        if visible(byte) {
            table.insert(char::from(byte), byte);
        } else {
            table.insert(char::from_u32(next).expect("a letter above U+0100"), byte);
            next += 1;
        }
    }
    table
}

fn failed(task: &'static str, error: &dyn std::fmt::Display) -> ModelError {
    ModelError::Tokenizer { task, reason: error.to_string() }
}

fn invalid(reason: String) -> ModelError {
    ModelError::Tokenizer { task: "read", reason }
}

/// Turns bytes that come in any portions into text, holding back a letter until it is whole.
#[derive(Clone, Debug, Default)]
pub struct Utf8Stream {
    held: Vec<u8>,
}

impl Utf8Stream {
    /// Takes bytes and returns the text that is certain now. Bytes that no letter has become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut kept = 0;
        for chunk in self.held.utf8_chunks() {
            text.push_str(chunk.valid());
            kept += chunk.valid().len();
            let broken = chunk.invalid();
            if broken.is_empty() {
                continue;
            }
            if kept + broken.len() == self.held.len() && could_grow(broken) {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            kept += broken.len();
        }
        self.held.drain(..kept);
        text
    }

    /// What is left at the end of the stream.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// Whether bytes are the start of a letter that further bytes could complete.
fn could_grow(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
