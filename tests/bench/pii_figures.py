#!/usr/bin/env python3
"""pii_figures.py [BINARY [SHARED]]: how well `llmdeck judge --pii` finds personal data, kind by kind.

Labelled sentences: SHARED/data/pii/*.json, and tests/pii/ip.txt for IP addresses, which that set does not have.
A finding is right when it overlaps a labelled span of its kind (an IP address: when it is just that span);
every other finding is wrong, a labelled span without one is missed. A finding of a kind that a set does not
label at all (secrets) counts as wrong. Clean texts: SHARED/data/sentiment/*.jsonl; every finding
there is counted as a false alarm.
"""
import collections
import glob
import json
import os
import re
import subprocess
import sys

KINDS = {"EMAIL_ADDRESS": "email", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "US_SSN": "national_id",
         "PHONE_NUMBER": "phone", "DOMAIN_NAME": "url", "IP_ADDRESS": "ip", "URL": "url",
         "PERSON": "name", "ADDRESS": "address"}


def judge(binary, texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    out = subprocess.run([binary, "judge", "--pii"], input=lines, capture_output=True, text=True, check=True).stdout
    found = [json.loads(line)["pii"] for line in out.splitlines()]
    if len(found) != len(texts):
        sys.exit(f"pii_figures: {len(texts)} texts, {len(found)} verdicts")
    return found


def labelled(binary, shared):
    hits, wrong, spans = collections.Counter(), collections.Counter(), collections.Counter()
    items = [item for path in sorted(glob.glob(f"{shared}/data/pii/*.json")) for item in json.load(open(path))]
    for item, found in zip(items, judge(binary, [item["full_text"] for item in items])):
        true = [(KINDS[s["entity_type"]], s["start_position"], s["end_position"])
                for s in item["spans"] if s["entity_type"] in KINDS]
        spans.update(kind for kind, _, _ in true)
        taken = set()
        for f in found:
            start, end = f["start"], f["end"]
            match = [i for i, (kind, a, b) in enumerate(true) if kind == f["kind"] and a < end and start < b]
            taken.update(match)
            wrong[f["kind"]] += not match
        hits.update(true[i][0] for i in taken)
    print(f"{len(items)} labelled sentences\nkind           spans  found  wrong     F1")
    for kind in sorted(set(spans) | set(wrong)):
        total = 2 * hits[kind] + wrong[kind] + spans[kind] - hits[kind]
        f1 = f"{2 * hits[kind] / total:.3f}" if spans[kind] else "none labelled"
        print(f"{kind:14} {spans[kind]:5} {hits[kind]:6} {wrong[kind]:6}  {f1}")


def addresses(binary):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pii", "ip.txt")
    marked = [re.split(r"{{|}}", line.rstrip("\n")) for line in open(path)]
    hits = missed = wrong = other = 0
    for parts, found in zip(marked, judge(binary, ["".join(parts) for parts in marked])):
        ends = [sum(map(len, parts[:i])) for i in range(len(parts) + 1)]
        true = {(ends[i], ends[i + 1]) for i in range(1, len(parts), 2)}
        said = {(f["start"], f["end"]) for f in found if f["kind"] == "ip"}
        other += sum(f["kind"] not in ("ip", "url") for f in found)
        hits, missed, wrong = hits + len(true & said), missed + len(true - said), wrong + len(said - true)
        if "-v" in sys.argv and true != said:
            print("  ", "".join(parts), [f for f in found])
    print(f"{len(marked)} lines with IP addresses or look-alikes: {hits + missed} addresses, {hits} found, {wrong} wrong, {other} as another kind:"
          f" precision {hits / (hits + wrong):.3f}, recall {hits / (hits + missed):.3f}, F1 {2 * hits / (2 * hits + wrong + missed):.3f}")


def clean(binary, shared):
    texts = [json.loads(line)["text"] for path in sorted(glob.glob(f"{shared}/data/sentiment/*.jsonl")) for line in open(path)]
    alarms = collections.Counter(f["kind"] for found in judge(binary, texts) for f in found)
    each = ", ".join(f"{kind} {count}" for kind, count in alarms.most_common())
    print(f"{len(texts)} clean texts: {1000 * sum(alarms.values()) / len(texts):.2f} findings per 1,000 ({each})")


def main():
    args = [arg for arg in sys.argv[1:] if arg != "-v"]
    binary = args[0] if args else "build/llmdeck"
    shared = args[1] if len(args) > 1 else os.environ.get("LLMDECK_SHARED", "../shared")
    addresses(binary)
    if not glob.glob(f"{shared}/data/pii/*.json"):
        print(f"pii_figures: skipped: no labelled sentences in {shared}/data/pii")
        return
    labelled(binary, shared)
    clean(binary, shared)


main()
