#!/usr/bin/env python3
"""mood_figures.py [BINARY]: how well `llmdeck judge --sentiment` judges kinds of text that no model was trained on.

Labelled remarks: tests/sentiment/*.tsv. Accuracy and macro-F1 of three classes (UNKNOWN is an error), "polar":
whether the score's sign is right on remarks that are not neutral. -v prints what was judged wrongly.
"""
import glob
import json
import os
import subprocess
import sys

LABELS = ("negative", "neutral", "positive")


def verdicts(binary, texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    out = subprocess.run([binary, "judge", "--sentiment"], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line)["sentiment"] for line in out.splitlines()]


def macro_f1(pairs):
    total = 0
    for label in LABELS:
        hit = sum(true == said == label for true, said in pairs)
        total += 2 * hit / max(1, sum((true == label) + (said == label) for true, said in pairs))
    return total / len(LABELS)


def main():
    args = [arg for arg in sys.argv[1:] if arg != "-v"]
    binary = args[0] if args else "build/llmdeck"
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sentiment")
    for path in sorted(glob.glob(f"{folder}/*.tsv")):
        rows = [line.rstrip("\n").split("\t") for line in open(path, encoding="utf-8")]
        said = verdicts(binary, [text for _, text in rows])
        pairs = [(label, verdict["label"]) for (label, _), verdict in zip(rows, said)]
        polar = [(label == "positive") == ((verdict["score"] or 0) > 0)
                 for (label, _), verdict in zip(rows, said) if label != "neutral"]
        print(f"{os.path.basename(path):12} n {len(rows):4}  accuracy {sum(a == b for a, b in pairs) / len(pairs):.3f}"
              f"  macro-F1 {macro_f1(pairs):.3f}  polar {sum(polar) / len(polar):.3f}")
        if "-v" in sys.argv:
            for (label, text), verdict in zip(rows, said):
                if label != verdict["label"]:
                    print(f"  {label[:3]} as {verdict['label'][:3]} {verdict['score'] or 0:+.2f}  {text}")


main()
