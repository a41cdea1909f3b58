//! C2SP signed notes: a text and, below an empty line, who signed it.

use crate::{ProofError, base64};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What a signature is made over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// Ed25519 over the text: a log's own signature, type 0x01.
    Text,
    /// Ed25519 over a time and the text: a witness's `cosignature/v1`, type 0x04.
    Cosignature,
}

impl Algorithm {
    fn number(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A public key with its name: what signatures are checked with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Verifier {
    name: String,
    algorithm: Algorithm,
    key: [u8; 32],
}

impl Verifier {
    /// Whose key it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key, whatever its name and use.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// What its signatures are made over.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The first four bytes of the hash over name, kind and key.
    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.algorithm.number()])
            .chain_update(self.key)
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Checks a line that bears this key's name and id. Answers the moment of a cosignature, in seconds since 1970.
    pub fn check(&self, text: &str, line: &Line) -> Result<Option<u64>, ProofError> {
        let wrong = || ProofError::WrongSignature { name: self.name.clone() };
        let (time_s, bytes) = match self.algorithm {
            Algorithm::Text => (None, line.signature.as_slice()),
            Algorithm::Cosignature => {
                let (time, rest) = line.signature.split_first_chunk::<8>().ok_or_else(wrong)?;
                (Some(u64::from_be_bytes(*time)), rest)
            }
        };
        let signature = ed25519_dalek::Signature::from_slice(bytes).map_err(|_| wrong())?;
        let key = VerifyingKey::from_bytes(&self.key).map_err(|_| wrong())?;
        key.verify_strict(&message(text, time_s), &signature).map_err(|_| wrong())?;
        Ok(time_s)
    }

    /// Whether a line claims to be by this key.
    #[must_use]
    pub fn is_of(&self, line: &Line) -> bool {
        line.name == self.name && line.key_id == self.id()
    }
}

/// `name+id+key`, as C2SP writes verifier keys.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let bytes: Vec<u8> = [self.algorithm.number()].into_iter().chain(self.key).collect();
        write!(f, "{}+{id:08x}+{}", self.name, base64::encode(&bytes))
    }
}

impl FromStr for Verifier {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = || ProofError::malformed("a key", text, "NAME+ID+KEY of Ed25519, type 1 or 4");
        let (name, rest) = text.split_once('+').filter(|(name, _)| name_fits(name)).ok_or_else(wrong)?;
        let (_, key) = rest.split_once('+').ok_or_else(wrong)?;
        let bytes = base64::decode(key).ok_or_else(wrong)?;
        let (algorithm, key) = match bytes.split_first() {
            Some((1, key)) => (Algorithm::Text, key),
            Some((4, key)) => (Algorithm::Cosignature, key),
            _ => return Err(wrong()),
        };
        let key = key.try_into().map_err(|_| wrong())?;
        let read = Self { name: name.to_owned(), algorithm, key };
        // The id is a checksum of the rest: one changed letter is found here.
        if read.to_string() == text { Ok(read) } else { Err(wrong()) }
    }
}

/// A private key with its name.
pub struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

impl Signer {
    /// A signer from its 32 secret bytes; refuses a name that a note cannot hold.
    pub fn new(name: &str, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self, ProofError> {
        if !name_fits(name) {
            return Err(ProofError::malformed("a key's name", name, "a name without spaces and `+`"));
        }
        let key = SigningKey::from_bytes(seed);
        let public = key.verifying_key().to_bytes();
        Ok(Self { verifier: Verifier { name: name.to_owned(), algorithm, key: public }, key })
    }

    /// The half that others may know.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs a text. The moment, in seconds since 1970, becomes part of a cosignature and of nothing else.
    #[must_use]
    pub fn sign(&self, text: &str, now_s: u64) -> Line {
        let time_s = (self.verifier.algorithm == Algorithm::Cosignature).then_some(now_s);
        let signature = self.key.sign(&message(text, time_s)).to_bytes();
        let time = time_s.map(u64::to_be_bytes).into_iter().flatten();
        let signature = time.chain(signature).collect();
        Line { name: self.verifier.name.clone(), key_id: self.verifier.id(), signature }
    }
}

fn message(text: &str, time_s: Option<u64>) -> Vec<u8> {
    let head = time_s.map_or_else(String::new, |time| format!("cosignature/v1\ntime {time}\n"));
    format!("{head}{text}").into_bytes()
}

/// Names have no white space, no sign that notes use, and are not empty.
fn name_fits(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// One signature below a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Who claims to have signed.
    pub name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

impl Line {
    /// Whether both claim to be by one key.
    #[must_use]
    pub fn is_by_key_of(&self, other: &Self) -> bool {
        (&self.name, self.key_id) == (&other.name, other.key_id)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id, self.signature.as_slice()].concat();
        write!(f, "\u{2014} {} {}", self.name, base64::encode(&bytes))
    }
}

impl FromStr for Line {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = || ProofError::malformed("a signature", text, "`\u{2014} NAME BASE64`");
        let (name, rest) =
            text.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or_else(wrong)?;
        let bytes = base64::decode(rest).ok_or_else(wrong)?;
        let (key_id, signature) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
        if !name_fits(name) || signature.is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
    }
}

/// A text with its signatures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The text with the line end that belongs to it.
    pub text: String,
    /// Who signed it, in the order of the lines.
    pub lines: Vec<Line>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Note {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = || ProofError::malformed("a signed note", text, "a text, an empty line and signatures");
        let (body, lines) = text.rsplit_once("\n\n").ok_or_else(wrong)?;
        let lines = lines.strip_suffix('\n').ok_or_else(wrong)?;
        if body.contains(|c: char| c.is_control() && c != '\n') {
            return Err(wrong());
        }
        let lines = lines.split('\n').map(str::parse).collect::<Result<Vec<Line>, _>>()?;
        Ok(Self { text: format!("{body}\n"), lines })
    }
}
