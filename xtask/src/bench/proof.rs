//! One meaningful byte of a proof is changed, many times over, and two verifiers in two languages are asked.

use super::report::Figure;
use crate::repository::Repository;
use crate::shell;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many changes are tried, half on each of two proofs.
const MUTATIONS: usize = 1_000;
/// The proofs: a first invoice, which hides nothing, and a second one.
const PROOFS: [&str; 2] = ["invoice-1.proof", "invoice-2.proof"];

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
    let changed = std::env::temp_dir().join(format!("sinew-proof-{}", std::process::id()));
    let mut wrongly_accepted = [0_usize; 2];
    let mut chance = 1_u64;
    for name in PROOFS {
        let proof = fixtures.join(name);
        let bytes = std::fs::read(&proof).with_context(|| format!("cannot read {}", proof.display()))?;
        if verifiers.accept(&proof)? != [true, true] {
            bail!("a verifier refuses {} as it is: see what it says", proof.display());
        }
        for _ in 0..MUTATIONS / PROOFS.len() {
            let mut other = bytes.clone();
            let at = draw(&mut chance, bytes.len());
            // Never the same byte: the letters go on from it, round the 94 printable ones.
            let step = 1 + draw(&mut chance, 93);
            other[at] = b'!' + u8::try_from((usize::from(bytes[at].wrapping_sub(b'!')) % 94 + step) % 94)?;
            std::fs::write(&changed, other).with_context(|| format!("cannot write {}", changed.display()))?;
            for (count, accepted) in wrongly_accepted.iter_mut().zip(verifiers.accept(&changed)?) {
                *count += usize::from(accepted);
            }
        }
    }
    std::fs::remove_file(&changed).with_context(|| format!("cannot remove {}", changed.display()))?;
    let [first, second] = wrongly_accepted.map(|count| count as f64);
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

/// A place below a length (SplitMix64).
fn draw(chance: &mut u64, below: usize) -> usize {
    *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*chance ^ (*chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % below as u64).expect("smaller than a length")
}

impl Verifiers {
    fn accept(&self, proof: &Path) -> Result<[bool; 2]> {
        let mut sinew = Command::new(&self.sinew);
        sinew.arg("verify").arg("--invoice").arg(proof).arg("--policy").arg(&self.policy);
        let mut python = Command::new("python3");
        python.arg(&self.python).arg(proof).arg(&self.policy);
        Ok([accepts(&mut sinew)?, accepts(&mut python)?])
    }
}

/// Whether a verifier accepts. Only its own `differs` is a refusal; anything else is a broken benchmark.
fn accepts(verifier: &mut Command) -> Result<bool> {
    let ended = verifier.output().with_context(|| format!("cannot run `{}`", shell::typed(verifier)))?;
    match ended.status.code() {
        Some(0) => Ok(true),
        Some(4) => Ok(false),
        _ => bail!("`{}` broke: {}", shell::typed(verifier), String::from_utf8_lossy(&ended.stderr)),
    }
}
