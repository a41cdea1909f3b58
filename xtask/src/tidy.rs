//! `cargo xtask tidy`: every rule over the whole repository, one line a rule and one sentence a breach.

use crate::repository::{Member, Repository, TextFile};
use crate::tally::Tally;
use crate::{layers, licences, purity, sources};
use anyhow::Result;

/// Everything that the rules look at, read once.
struct Seen {
    members: Vec<Member>,
    files: Vec<TextFile>,
    licences: Vec<(String, String)>,
    root: std::path::PathBuf,
}

/// A rule: what it keeps, and how it finds breaches.
type Rule = (&'static str, fn(&Seen) -> Vec<String>);

const RULES: &[Rule] = &[
    ("layers: dependencies go down, and the lanes meet in one place", |seen| {
        layers::complaints(&seen.members)
    }),
    ("purity: pure crates have the template's lints", |seen| purity::lint_files(&seen.names(), &seen.files)),
    ("purity: pure crates depend on pure crates", |seen| {
        seen.members.iter().flat_map(purity::dependencies).collect()
    }),
    ("purity: pure crates name no module that reaches outside", |seen| purity::modules(&seen.files)),
    ("money: no floats and no unchecked sums", |seen| purity::money(&seen.names(), &seen.files)),
    ("sources: size, banned words, folders of one machine", |seen| {
        seen.files.iter().flat_map(sources::complaints).collect()
    }),
    ("sources: each crate says what it is for", |seen| sources::crate_heads(&seen.folders(), &seen.files)),
    ("sources: each crate is in ARCHITECTURE.md", |seen| {
        sources::on_the_map(&seen.names(), seen.text("ARCHITECTURE.md"))
    }),
    ("licences: all locked packages are allowed by deny.toml", wrong_licences),
];

/// Checks all rules, prints what breaks them, and counts a test a rule.
pub(crate) fn run(repository: &Repository) -> Result<Tally> {
    let seen = Seen {
        members: repository.members()?,
        files: repository.text_files()?,
        licences: repository.licences()?,
        root: repository.root.clone(),
    };
    let mut tally = Tally::default();
    for (name, find) in RULES {
        let complaints = find(&seen);
        println!("{} {name}", if complaints.is_empty() { "ok    " } else { "FAILED" });
        complaints.iter().for_each(|complaint| println!("       {complaint}"));
        tally += Tally::of(complaints.is_empty());
    }
    Ok(tally)
}

fn wrong_licences(seen: &Seen) -> Vec<String> {
    match licences::allowed(seen.text("deny.toml").unwrap_or_default()) {
        Ok(allowed) => licences::complaints(&seen.licences, &allowed),
        Err(error) => vec![format!("{error:#}")],
    }
}

impl Seen {
    fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.name.as_str()).collect()
    }

    fn folders(&self) -> Vec<String> {
        let from_root = |member: &Member| {
            let folder = member.folder.strip_prefix(&self.root).unwrap_or(&member.folder);
            folder.to_string_lossy().into_owned()
        };
        self.members.iter().map(from_root).collect()
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}
