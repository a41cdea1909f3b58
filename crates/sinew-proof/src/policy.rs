//! C2SP policies: whose signatures make a checkpoint worth something.
//!
//! ```text
//! log VKEY
//! witness lab VKEY
//! witness auditor VKEY
//! group both all lab auditor
//! quorum both
//! ```

use crate::{Algorithm, Checkpoint, Note, ProofError, Verifier};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// How far another clock may be ahead of ours.
const AHEAD_MAX_S: u64 = 300;

/// What has to be signed by how many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Quorum {
    /// Nobody but the log.
    None,
    /// This witness or group.
    Of(String),
}

/// Keys and the quorum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The log's key; its name is the log's origin.
    pub log: Verifier,
    witnesses: BTreeMap<String, Verifier>,
    groups: BTreeMap<String, (usize, Vec<String>)>,
    quorum: Quorum,
}

/// A checkpoint that a policy accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The policy's names of the witnesses, and when each cosigned, in seconds since 1970.
    pub witnesses: BTreeMap<String, u64>,
}

impl Policy {
    /// Accepts a note that the log and the quorum signed, and no line of which is unknown, wrong or there twice.
    pub fn accept(&self, note: &Note, now_s: u64) -> Result<Signed, ProofError> {
        let checkpoint: Checkpoint = note.text.parse()?;
        if checkpoint.origin != self.log.name() {
            let expected = self.log.name().to_owned();
            return Err(ProofError::OtherLog { found: checkpoint.origin, expected });
        }
        let (mut by_log, mut witnesses) = (false, BTreeMap::new());
        for line in &note.lines {
            let twice = || ProofError::SignedTwice { name: line.name.clone() };
            if self.log.is_of(line) {
                self.log.check(&note.text, line)?;
                if std::mem::replace(&mut by_log, true) {
                    return Err(twice());
                }
                continue;
            }
            let known = self.witnesses.iter().find(|(_, key)| key.is_of(line));
            let Some((name, key)) = known else {
                return Err(ProofError::Stranger { name: line.name.clone() });
            };
            let time_s = key.check(&note.text, line)?.unwrap_or_default();
            let ahead_s = time_s.saturating_sub(now_s);
            if ahead_s > AHEAD_MAX_S {
                return Err(ProofError::ClockAhead { name: line.name.clone(), ahead_s });
            }
            if witnesses.insert(name.clone(), time_s).is_some() {
                return Err(twice());
            }
        }
        if !by_log {
            return Err(ProofError::NotSigned { name: self.log.name().to_owned() });
        }
        self.reached(&witnesses)?;
        Ok(Signed { checkpoint, witnesses })
    }

    /// What the log signed, whoever else did: all that a witness asks before it signs itself.
    pub fn signed_by_log(&self, note: &Note) -> Result<Checkpoint, ProofError> {
        let only = note.lines.iter().filter(|line| self.log.is_of(line)).cloned().collect();
        let note = Note { text: note.text.clone(), lines: only };
        let alone = Self { quorum: Quorum::None, ..self.clone() };
        alone.accept(&note, u64::MAX).map(|signed| signed.checkpoint)
    }

    fn reached(&self, witnesses: &BTreeMap<String, u64>) -> Result<(), ProofError> {
        let Quorum::Of(quorum) = &self.quorum else { return Ok(()) };
        let signed: BTreeSet<&str> = witnesses.keys().map(String::as_str).collect();
        let reached = match self.groups.get(quorum) {
            None => signed.contains(quorum.as_str()),
            Some((least, members)) => {
                members.iter().filter(|member| signed.contains(member.as_str())).count() >= *least
            }
        };
        if reached {
            return Ok(());
        }
        let signed = if signed.is_empty() {
            "nobody".to_owned()
        } else {
            signed.into_iter().collect::<Vec<_>>().join(", ")
        };
        Err(ProofError::NoQuorum { quorum: quorum.clone(), signed })
    }

    fn knows(&self, name: &str) -> bool {
        self.witnesses.contains_key(name) || self.groups.contains_key(name)
    }
}

impl FromStr for Policy {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = |line: &str, expected| ProofError::malformed("the policy", line, expected);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let log: Verifier =
            first.strip_prefix("log ").ok_or_else(|| wrong(first, "`log VKEY` first"))?.parse()?;
        if log.algorithm() != Algorithm::Text {
            return Err(wrong(first, "a log's key, of type 1"));
        }
        let (witnesses, groups) = (BTreeMap::new(), BTreeMap::new());
        let mut policy = Self { log, witnesses, groups, quorum: Quorum::None };
        let mut decided = false;
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                _ if decided => return Err(wrong(line, "the end: `quorum` is the last line")),
                ["witness", name, key] => policy.add_witness(line, name, key.parse()?)?,
                ["group", name, least, ref members @ ..] => policy.add_group(line, (name, least), members)?,
                ["quorum", "none"] => decided = true,
                ["quorum", name] if policy.knows(name) => {
                    policy.quorum = Quorum::Of(name.to_owned());
                    decided = true;
                }
                _ => {
                    return Err(wrong(line, "`witness NAME VKEY`, `group NAME K MEMBERS` or `quorum NAME`"));
                }
            }
        }
        if decided { Ok(policy) } else { Err(wrong(text, "complete: its last line is `quorum NAME`")) }
    }
}

impl Policy {
    /// One key counts once, whatever it is called: else one side could fill the quorum alone.
    fn add_witness(&mut self, line: &str, name: &str, key: Verifier) -> Result<(), ProofError> {
        let taken = self.witnesses.values().chain([&self.log]).any(|known| known.key() == key.key());
        if taken || self.knows(name) || name == "none" || key.algorithm() != Algorithm::Cosignature {
            return Err(ProofError::malformed(
                "the policy",
                line,
                "a witness with a name and a key of type 4 of its own",
            ));
        }
        self.witnesses.insert(name.to_owned(), key);
        Ok(())
    }

    fn add_group(&mut self, line: &str, head: (&str, &str), members: &[&str]) -> Result<(), ProofError> {
        let wrong = || {
            ProofError::malformed("the policy", line, "a group of 1 or more witnesses named above, each once")
        };
        let (name, least) = head;
        let unique: BTreeSet<&&str> = members.iter().collect();
        let least = match least {
            "any" => 1,
            "all" => members.len(),
            number => number.parse().map_err(|_| wrong())?,
        };
        let known = members.iter().all(|member| self.witnesses.contains_key(*member));
        if self.knows(name)
            || !known
            || unique.len() != members.len()
            || !(1..=members.len()).contains(&least)
        {
            return Err(wrong());
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.insert(name.to_owned(), (least, members));
        Ok(())
    }
}
