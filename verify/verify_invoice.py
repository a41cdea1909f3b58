#!/usr/bin/env python3
"""Checks the proof of an invoice a second time: `verify_invoice.py FILE POLICY [LAB_KEY]`.

LAB_KEY, 64 hexadecimal digits, is the key that the lab signs terms with. Without it the terms show that two keys signed them.

Written apart from Sinew, with Python's standard library and `openssl pkeyutl` only. Every byte of the file counts: what
is not signed is compared with the one way to write it. Prints what was found; exit code 0 where all is right, 4 where
something differs.
"""
import base64, functools, hashlib, json, subprocess, sys, tempfile, time

from contract_log import Log, Wrong, need

AHEAD_MAX_S = 300


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, f"`{text}` is not written as base64 is")
    return raw


def number(text):
    need(text.isascii() and text.isdigit() and str(int(text)) == text, f"`{text}` is not a number")
    return int(text)


def signed(key, message, signature):
    """Ed25519 by openssl, which reads the key as DER: a fixed head and the 32 bytes."""
    with tempfile.NamedTemporaryFile() as k, tempfile.NamedTemporaryFile() as m, tempfile.NamedTemporaryFile() as s:
        for file, data in ((k, bytes.fromhex("302a300506032b6570032100") + key), (m, message), (s, signature)):
            file.write(data)
            file.flush()
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", k.name, "-rawin"]
        try:
            return subprocess.run(command + ["-in", m.name, "-sigfile", s.name], capture_output=True).returncode == 0
        except FileNotFoundError:
            raise Wrong("no signature can be checked here: install openssl") from None


def read_key(text, kind):
    name, _, encoded = text.split("+", 2)
    raw = unbase64(encoded)
    need(len(raw) == 33 and raw[0] == kind, f"`{name}` is not a key of type {kind}")
    identity = sha(name.encode(), b"\n", raw)[:4]
    need(text == f"{name}+{identity.hex()}+{encoded}", f"the key of `{name}` was changed")
    return name, identity, raw[1:]


def read_policy(text):
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    need(lines[0][0] == "log" and lines[-1][0] == "quorum", "the policy goes from `log` to `quorum`")
    log, witnesses, groups = read_key(lines[0][1], 1), {}, {"none": (0, [])}
    for word, name, *rest in lines[1:-1]:
        need(word in ("witness", "group") and name not in groups, f"the policy's line of `{name}`")
        if word == "witness":
            witnesses[name] = read_key(rest[0], 4)
            groups[name] = (1, [name])
        else:
            least = {"any": 1, "all": len(rest) - 1}.get(rest[0]) or number(rest[0])
            need(set(rest[1:]) <= set(witnesses) and 1 <= least <= len(set(rest[1:])) == len(rest) - 1, "a group")
            groups[name] = (least, rest[1:])
    need(len({key[2] for key in [log, *witnesses.values()]}) == 1 + len(witnesses), "the policy counts one key twice")
    return log, witnesses, groups[lines[-1][1]]


def read_file(text):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    need(lines[0] == "sinew/invoice-proof/v1", "this is no proof of an invoice")
    body, _, lines_signed = note.rpartition("\n\n")
    need(lines_signed.endswith("\n") and body.count("\n") == 2, "the checkpoint is cut off")
    return lines[1:], body + "\n", lines_signed[:-1].split("\n")


def check_signatures(text, lines, policy):
    log, witnesses, (least, members) = policy
    by = set()
    for line in lines:
        dash, name, encoded = line.split(" ")
        raw = unbase64(encoded)
        known = [who for who, key in {"": log, **witnesses}.items() if (key[0], key[1]) == (name, raw[:4])]
        need(dash == "\u2014" and known, f"`{name}` signed, and the policy names no such key")
        who, message, signature = known[0], text.encode(), raw[4:]
        need(who not in by, f"`{name}` signed twice")
        if who:
            seconds, signature = int.from_bytes(raw[4:12], "big"), raw[12:]
            need(seconds <= time.time() + AHEAD_MAX_S, f"`{name}` cosigned ahead of this clock")
            message = f"cosignature/v1\ntime {seconds}\n".encode() + message
        need(len(signature) == 64 and signed({"": log, **witnesses}[who][2], message, signature),
             f"the signature of `{name}` does not fit")
        by.add(who)
    need("" in by, "the log did not sign")
    need(len(by & set(members)) >= least, "the quorum is not reached")


def climb(items):
    """Pushes leaves and subtrees onto one tree; answers its size and root, and the leaves."""
    peaks, size, leaves = [], 0, []
    for at, line in enumerate(items):
        word, rest = line.split(" ", 1)
        if word == "leaf":
            height, hashed = 0, sha(b"\0", rest.encode())
            leaves.append(rest)
        else:
            need(word == "node" and at >= 2 and len(leaves) == 2, f"line {at + 2} does not belong there")
            height, hashed = number(rest.split(" ")[0]), unbase64(rest.split(" ")[1])
            need(rest.count(" ") == 1 and len(hashed) == 32 and height < 64, "a hash is cut off")
        need(size % (1 << height) == 0, "a subtree begins where none can")
        size += 1 << height
        while peaks and peaks[-1][0] == height:
            height, hashed = height + 1, sha(b"\1", peaks.pop()[1], hashed)
        peaks.append((height, hashed))
    root = functools.reduce(lambda right, left: sha(b"\1", left, right), [hashed for _, hashed in reversed(peaks)])
    return size, root, leaves


def check_invoice(items, leaves, log_name, lab_key):
    records = [(number(leaf.split(" ", 1)[0]), json.loads(leaf.split(" ", 1)[1])) for leaf in leaves]
    times, events = [at for at, _ in records], [event for _, event in records]
    need(times == sorted(times), "the records are not in the order of time")
    offer, answer, terms = events[0], events[1], events[0]["terms"]
    need((offer["is"], answer["is"]) == ("contract-offered", "contract-signed"), "the log does not begin with terms")
    need(log_name == "sinew/" + offer["id"] and offer["id"] == answer["id"], "this is another contract's log")
    canonical = json.dumps([offer["id"], terms], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    message = f"sinew/contract/v1\n{canonical}".encode()
    need(offer["key"] != answer["key"], "one key signed for both sides")
    fits = lambda side: signed(bytes.fromhex(side["key"]), message, bytes.fromhex(side["signature"]))
    need(fits(offer) and fits(answer), "a signature does not fit the terms")
    need(lab_key in (None, answer["key"]), f"the lab's key is {lab_key}, and {answer['key']} signed for the lab")
    by_month, log = bool(terms.get("clauses")), Log(offer)
    need(not by_month or len(items) == len(leaves), "leaves are hidden, and clauses look back at all of them")
    rest = records[2:]
    if not by_month and len(rest) > 1 and rest[0][1]["is"] == "invoiced":
        made, before = rest[0][0], rest.pop(0)[1]["invoice"]
        need((before["contract"], before["to"]) == (offer["id"], made), "the invoice before is not of this contract and time")
        log.number, log.begins = before["number"] + 1, before["to"]
    need(log.begins is not None or len(items) == len(leaves), "records are hidden that belong to this invoice")
    need(rest[-1][1]["is"] == "invoiced", "the last leaf is no invoice")
    need(by_month or all(event["is"] != "invoiced" for _, event in rest[:-1]), "not one invoice")
    for at, event in rest:
        log.follow(at, event)
    return log.said


def main(file, policy_file, lab_key=None):
    try:
        policy = read_policy(open(policy_file, encoding="utf-8", newline="").read())
        items, text, lines = read_file(open(file, encoding="utf-8", newline="").read())
        log_name, size, root = text[:-1].split("\n")
        need(log_name == policy[0][0], f"this is a proof of the log `{log_name}`, not of `{policy[0][0]}`")
        found_size, found_root, leaves = climb(items)
        need((found_size, found_root) == (number(size), unbase64(root)), "the leaves do not lead to the signed root")
        check_signatures(text, lines, policy)
        print("proven", check_invoice(items, leaves, log_name, lab_key))
    except (Wrong, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, OSError) as wrong:
        print(f"differs: {wrong}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: verify_invoice.py FILE POLICY [LAB_KEY]")
    sys.exit(main(*sys.argv[1:]))
