#!/usr/bin/env python3
"""Has PyPI's `aics-tlog` (0.2.1) check the files in `fixtures`: hashing, tree, notes, keys and cosignatures.

It asks for Python 3.12; on 3.11 `pip install --ignore-requires-python aics-tlog==0.2.1` does.
"""
import pathlib
from aics_tlog import checkpoint, cosign, hashing, note, tree

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


def vkeys():
    lines = (line.split() for line in (FIXTURES / "lab.policy").read_text().splitlines())
    return {words[-2]: note.parse_vkey(words[-1]) for words in lines if words[0] in ("log", "witness")}


def leaves_of(text):
    head = text.partition("\n\n")[0].split("\n")[1:]
    return [line.removeprefix("leaf ").encode() for line in head]


def main():
    keys = vkeys()
    sizes, shown = [], 0
    for file in sorted(FIXTURES.glob("*.proof")):
        text = file.read_text()
        signed = note.parse_note(text.partition("\n\n")[2])
        head = checkpoint.parse_checkpoint(signed.text)
        assert note.verify_note(signed, [keys["log"]]), "the log's signature"
        lab = next(line for line in signed.signatures if line.name == keys["lab"].name)
        fits = cosign.verify_cosignature(lab.signature, lab.name, keys["lab"].public_key, head.origin, head.size, head.root)
        assert fits, "the lab's cosignature"
        sizes.append(head)
        # Where nothing is hidden, every leaf's place in the tree can be shown.
        if not any(line.startswith("node ") for line in text.split("\n")):
            leaves = leaves_of(text)
            shown += len(leaves)
            whole = tree.MerkleTree(leaves)
            assert (head.size, head.root) == (len(leaves), whole.root()), "the tree"
            for index, leaf in enumerate(leaves):
                path = whole.inclusion_proof(index)
                assert tree.verify_inclusion(hashing.leaf_hash(leaf), index, head.size, path, head.root), index
    print(f"aics-tlog accepts {len(sizes)} checkpoints, their signatures and {shown} leaves")


main()
