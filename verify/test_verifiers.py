"""The second verifier accepts the committed files and refuses them changed; somebody else's program accepts the trees."""

import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
POLICY = HERE / "fixtures" / "lab.policy"
PROOFS = sorted((HERE / "fixtures").glob("*.proof"))
# `cargo xtask bench proof` tries a thousand; here a sample shows that the refusal works at all.
CHANGES_PER_PROOF = 24


def said(*words: object) -> tuple[int, str]:
    ended = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True)
    return ended.returncode, ended.stdout + ended.stderr


def test_there_are_proofs():
    assert len(PROOFS) >= 3, "the fixtures are written by the tests of `sinew`: see CONTRIBUTING.md, Tests"


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.stem)
def test_a_committed_proof_is_accepted(proof):
    code, text = said(HERE / "verify_invoice.py", proof, POLICY)
    assert code == 0 and text.startswith("proven contract-"), text


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.stem)
def test_a_changed_byte_is_refused(proof, tmp_path):
    whole = proof.read_bytes()
    changed = tmp_path / "changed.proof"
    for number in range(CHANGES_PER_PROOF):
        # Spread over the whole file; the lowest bit makes another letter of the same kind, which is hardest to notice.
        at = (2 * number + 1) * len(whole) // (2 * CHANGES_PER_PROOF)
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        code, text = said(HERE / "verify_invoice.py", changed, POLICY)
        assert code == 4 and text.startswith("differs: "), f"byte {at} was changed: {text}"


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.stem)
def test_a_proof_that_is_cut_off_is_refused(proof, tmp_path):
    whole = proof.read_bytes()
    cut = tmp_path / "cut.proof"
    for length in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        code, text = said(HERE / "verify_invoice.py", cut, POLICY)
        assert code == 4 and text.startswith("differs: "), f"cut after {length} bytes: {text}"


def test_another_program_accepts_trees_notes_and_cosignatures():
    code, text = said(HERE / "against_aics_tlog.py")
    assert code == 0 and text.startswith("aics-tlog accepts "), text
