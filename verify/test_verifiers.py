"""The second verifier accepts the committed files and refuses them changed; somebody else's program accepts the trees."""

import datetime
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import contract_log
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


def test_the_labs_key_is_asked_for():
    proof = HERE / "fixtures" / "invoice-1.proof"
    lab = re.search(r'"is":"contract-signed","key":"([0-9a-f]{64})"', proof.read_text())[1]
    assert said(HERE / "verify_invoice.py", proof, POLICY, lab)[0] == 0
    code, text = said(HERE / "verify_invoice.py", proof, POLICY, "00" * 32)
    assert code == 4 and "signed for the lab" in text, text


# The same days as in the tests of `sinew-server`'s calendar: a change of the clock, a time that is skipped, one that comes twice,
# windows that touch, and one that is too short.
WINDOWS = [
    ("daily 20:00-06:00 Europe/Zurich", "2026-03-27T12:00", "2026-03-30T12:00",
     "2026-03-27T19:00 2026-03-28T05:00 2026-03-28T19:00 2026-03-29T04:00 2026-03-29T18:00 2026-03-30T04:00"),
    ("sun 02:30-04:00 Europe/Zurich", "2026-03-29T00:00", "2026-03-29T12:00", "2026-03-29T01:30 2026-03-29T02:00"),
    ("sun 02:30-04:00 Europe/Zurich", "2026-10-25T00:00", "2026-10-25T12:00", "2026-10-25T00:30 2026-10-25T03:00"),
    ("mon-fri 08:00-10:00 UTC", "2026-01-05T09:59:30", "2026-01-06T08:30", "2026-01-06T08:00 2026-01-06T08:30"),
    ("sat,sun 00:00-24:00 UTC", "2026-01-09T00:00", "2026-01-13T00:00", "2026-01-10T00:00 2026-01-12T00:00"),
]


@pytest.mark.parametrize(("calendar", "starts", "ends", "expected"), WINDOWS)
def test_a_calendar_means_the_same_moments_in_both_verifiers(calendar, starts, ends, expected):
    def ms(text):
        return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp()) * 1000

    terms = {"calendar": calendar, "starts": ms(starts), "ends": ms(ends), "notice": 60_000, "kill_grace": 1, "hand_over": 1}
    found = [moment for window in contract_log.windows(terms) for moment in window]
    assert found == [ms(text) for text in expected.split()]


def test_another_program_accepts_trees_notes_and_cosignatures():
    code, text = said(HERE / "against_aics_tlog.py")
    assert code == 0 and text.startswith("aics-tlog accepts "), text
