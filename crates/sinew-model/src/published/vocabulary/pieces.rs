//! SentencePiece's joining: of all neighbours whose joint text is a token, the pair with the best score is joined first.

use std::collections::{BTreeMap, BinaryHeap};

/// How these vocabularies write a space.
const SPACE: char = '\u{2581}';

/// Texts with scores.
pub(super) struct Pieces {
    ids: BTreeMap<String, u32>,
    scores: Vec<f32>,
    bytes: [Option<u32>; 256],
    unknown: u32,
    prefix: bool,
}

/// A pair that could be joined: the best score first, then the leftmost.
#[derive(PartialEq)]
struct Joint {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl Eq for Joint {}

impl PartialOrd for Joint {
    fn partial_cmp(&self, other: &Joint) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Joint {
    fn cmp(&self, other: &Joint) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

struct Piece {
    start: usize,
    length: usize,
    before: Option<usize>,
    after: Option<usize>,
}

impl Pieces {
    pub(super) fn new(tokens: &[String], scores: &[f64], prefix: bool) -> Result<Pieces, String> {
        if scores.len() != tokens.len() {
            return Err(format!("it has {} tokens and {} scores", tokens.len(), scores.len()));
        }
        let mut ids = BTreeMap::new();
        let mut bytes = [None; 256];
        for (id, token) in (0..).zip(tokens) {
            if let Some(byte) = escaped(token) {
                bytes[usize::from(byte)].get_or_insert(id);
            }
            ids.entry(token.clone()).or_insert(id);
        }
        let unknown = ids.get("<unk>").copied().unwrap_or(0);
        let scores = scores.iter().map(|score| *score as f32).collect();
        Ok(Pieces { ids, scores, bytes, unknown, prefix })
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut spelt = if self.prefix { SPACE.to_string() } else { String::new() };
        spelt.extend(text.chars().map(|letter| if letter == ' ' { SPACE } else { letter }));
        let pieces = self.join(&spelt);
        let mut ids = Vec::new();
        let mut next = Some(0);
        while let Some(index) = next {
            let piece = &pieces[index];
            let text = &spelt[piece.start..piece.start + piece.length];
            match self.ids.get(text) {
                Some(id) => ids.push(*id),
                None => {
                    ids.extend(
                        text.bytes().map(|byte| self.bytes[usize::from(byte)].unwrap_or(self.unknown)),
                    );
                }
            }
            next = piece.after;
        }
        ids
    }

    fn join(&self, text: &str) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, letter))| Piece {
                start,
                length: letter.len_utf8(),
                before: index.checked_sub(1),
                after: Some(index + 1),
            })
            .collect();
        pieces.last_mut().expect("the text is not empty").after = None;
        let mut joints = BinaryHeap::new();
        for right in 1..pieces.len() {
            joints.extend(self.joint(text, &pieces, right - 1, right));
        }
        while let Some(joint) = joints.pop() {
            let (left, right) = (joint.left, joint.right);
            // A side that was joined meanwhile has another length, or none.
            let length = pieces[left].length + pieces[right].length;
            let gone = pieces[left].length == 0 || pieces[right].length == 0;
            if gone || pieces[left].after != Some(right) || length != joint.length {
                continue;
            }
            let after = pieces[right].after;
            pieces[left].length = length;
            pieces[left].after = after;
            pieces[right].length = 0;
            if let Some(after) = after {
                pieces[after].before = Some(left);
                joints.extend(self.joint(text, &pieces, left, after));
            }
            if let Some(before) = pieces[left].before {
                joints.extend(self.joint(text, &pieces, before, left));
            }
        }
        pieces
    }

    fn joint(&self, text: &str, pieces: &[Piece], left: usize, right: usize) -> Option<Joint> {
        let (start, length) = (pieces[left].start, pieces[left].length + pieces[right].length);
        let id = self.ids.get(&text[start..start + length])?;
        Some(Joint { score: self.scores[*id as usize], left, right, length })
    }
}

/// The byte that a token like `<0x0A>` stands for.
fn escaped(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The bytes that a token stands for.
pub(super) fn bytes_of(token: &str) -> Vec<u8> {
    match escaped(token) {
        Some(byte) => vec![byte],
        None => token.replace(SPACE, " ").into_bytes(),
    }
}
