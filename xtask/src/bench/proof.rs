//! One meaningful byte of a proof is changed, many times over, and two verifiers in two languages are asked.

use super::report::Figure;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// How many changes are tried, in turn on each of the proofs.
const MUTATIONS: usize = 1_000;
/// The proofs: a first invoice, which hides nothing, a second one, and one of a contract with clauses.
const PROOFS: [&str; 3] = ["invoice-1.proof", "invoice-2.proof", "clauses-5.proof"];

/// The two verifiers and the files that they get.
struct Verifiers {
    sinew: PathBuf,
    python: PathBuf,
    policy: PathBuf,
}

/// Changes bytes, each to another printable one, at places drawn from one seed.
pub(super) fn run(repository: &Repository) -> Result<Vec<Figure>> {
    let python = repository.root.join("verify/verify_invoice.py");
    let fixtures = repository.root.join("verify/fixtures");
    shell::quiet(shell::cargo(&["build", "--release", "--package", "sinew"]).current_dir(&repository.root))?;
    let verifiers = Verifiers { sinew: repository.program()?, python, policy: fixtures.join("lab.policy") };
    let folder = std::env::temp_dir().join(format!("sinew-proof-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut chance = 1_u64;
    let mut changed = Vec::new();
    for (at, name) in PROOFS.into_iter().enumerate() {
        let proof = fixtures.join(name);
        let bytes = std::fs::read(&proof).with_context(|| format!("cannot read {}", proof.display()))?;
        if verifiers.accepted(std::slice::from_ref(&proof))? != [1, 1] {
            bail!("a verifier refuses {} as it is: see what it says", proof.display());
        }
        for number in (at..MUTATIONS).step_by(PROOFS.len()) {
            let file = folder.join(format!("{name}-{number}"));
            std::fs::write(&file, with_other_byte(&bytes, &mut chance))
                .with_context(|| format!("cannot write {}", file.display()))?;
            changed.push(file);
        }
    }
    let accepted = verifiers.accepted(&changed)?;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    let [first, second] = accepted.map(|count| count as f64);
    let figure = |name: &str, value, goal_at_most| Figure {
        name: name.to_owned(),
        value,
        goal_at_most,
        ..Figure::default()
    };
    Ok(vec![
        figure("mutations", MUTATIONS as f64, None),
        figure("wrongly_accepted", first + second, Some(0.0)),
        figure("wrongly_accepted_by_sinew", first, Some(0.0)),
        figure("wrongly_accepted_by_python", second, Some(0.0)),
    ])
}

/// The same bytes with one changed to another printable one.
fn with_other_byte(bytes: &[u8], chance: &mut u64) -> Vec<u8> {
    let mut other = bytes.to_vec();
    let at = draw(chance, bytes.len());
    // Never the same byte: the letters go on from it, round the 94 printable ones.
    let step = 1 + draw(chance, 93);
    let letter = (usize::from(bytes[at].wrapping_sub(b'!')) % 94 + step) % 94;
    other[at] = b'!' + u8::try_from(letter).expect("below 94");
    other
}

/// A place below a length (SplitMix64).
fn draw(chance: &mut u64, below: usize) -> usize {
    *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*chance ^ (*chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % below as u64).expect("smaller than a length")
}

impl Verifiers {
    /// How many of these files each verifier accepts. Python is started once for all: starting takes longer than checking.
    fn accepted(&self, proofs: &[PathBuf]) -> Result<[usize; 2]> {
        let mut by_sinew = 0;
        for proof in proofs {
            let mut sinew = Command::new(&self.sinew);
            sinew.arg("verify").arg("--invoice").arg(proof).arg("--policy").arg(&self.policy);
            by_sinew += usize::from(accepts(&mut sinew)?);
        }
        let mut python = Command::new("python3");
        python.args(["-c", FOR_EACH]).arg(&self.python).arg(&self.policy).args(proofs);
        let said = shell::quiet(&mut python)?;
        let codes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("code ")).collect();
        if codes.len() != proofs.len() || codes.iter().any(|code| !["0", "4"].contains(code)) {
            bail!("{} broke: {said}", self.python.display());
        }
        Ok([by_sinew, codes.iter().filter(|code| **code == "0").count()])
    }
}

/// Has the second verifier's `main` check one file after the other, as its command line would one.
const FOR_EACH: &str = "\
import os, runpy, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
main = runpy.run_path(sys.argv[1])['main']
for proof in sys.argv[3:]:
    print('code', main(proof, sys.argv[2]))";

/// Whether a verifier accepts. Only its own `differs` is a refusal; anything else is a broken benchmark.
fn accepts(verifier: &mut Command) -> Result<bool> {
    let ended = verifier.output().with_context(|| format!("cannot run `{}`", shell::typed(verifier)))?;
    match ended.status.code() {
        Some(0) => Ok(true),
        Some(4) => Ok(false),
        _ => bail!("`{}` broke: {}", shell::typed(verifier), String::from_utf8_lossy(&ended.stderr)),
    }
}
