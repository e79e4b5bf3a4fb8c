#!/usr/bin/env python3
"""Services that judge feedback against their contracts: Prism serves the OpenAPI documents of
LLMDECK_SHARED/contracts and refuses what does not fit them; a collector judges by it. Prints TAP.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from bench import BINARY, CLIENTS, Skip, free_port, tap, wait

SHARED = os.environ.get("LLMDECK_SHARED", "../shared")
PRISM = os.path.join(CLIENTS, "npm-prism", "node_modules", ".bin", "prism")


class Judged:
    """Prism with one contract, and a collector with one judge that asks it."""

    def __init__(self, contract, judge, prefer):
        document = os.path.join(SHARED, "contracts", contract, "openapi.json")
        if not os.path.exists(document):
            raise Skip("%s is not there" % document)
        if not os.path.exists(PRISM):
            raise Skip("prism is not installed: see npm-prism.why")
        self.folder = tempfile.TemporaryDirectory(prefix="llmdeck-judges-")
        self.path = lambda name: os.path.join(self.folder.name, name)
        port = free_port()
        document = self.with_refusals(document)
        self.log = open(self.path("prism.log"), "w")
        self.prism = subprocess.Popen([PRISM, "mock", "--errors", "-p", str(port), document], stdout=self.log, stderr=self.log)
        self.env = dict(os.environ, JUDGE_KEY="s3cret", JUDGE_PREFER=prefer)
        with open(self.path("c.yaml"), "w") as f:
            f.write('judges:\n  - {name: judge, url: "http://127.0.0.1:%d", key: "env:JUDGE_KEY", %s,\n'
                    '     headers: {Prefer: "env:JUDGE_PREFER"}}\n' % (port, judge))
        self.collector = None
        wait("prism listens", lambda: "listening" in open(self.path("prism.log"), encoding="utf-8").read())
        self.run("import", "--as", "feedback", "-", given='{"time":"2026-01-02T00:00:00Z","text":"warm-up","id":"0"}\n')
        self.collector = subprocess.Popen(self.words("collect", "--listen", "none"), env=self.env, stderr=open(self.path("c.log"), "w"))
        wait("the collector listens", lambda: os.path.exists(self.path("c.sock")), 30)

    def with_refusals(self, document):
        """The contract says of refusals only what their body looks like (`default`): the same for the codes we ask Prism for."""
        with open(document, encoding="utf-8") as f:
            contract = json.load(f)
        for path in contract["paths"].values():
            for operation in path.values():
                default = operation.get("responses", {}).get("default") if isinstance(operation, dict) else None
                for code, name in (("401", "Unauthorized"), ("429", "TooManyRequests")):
                    if default and code not in operation["responses"]:
                        refusal = json.loads(json.dumps(default))
                        for content in refusal.get("content", {}).values():
                            content["examples"] = {"refusal": {"value": {"error": {"code": name, "message": "no"}}}}
                        refusal.pop("headers", None)
                        if code == "429":
                            refusal["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "example": 2}}
                        operation["responses"][code] = refusal
        with open(self.path("contract.json"), "w", encoding="utf-8") as f:
            json.dump(contract, f)
        return self.path("contract.json")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.collector, self.prism):
            if process:
                process.terminate()
                process.wait(20)
        self.log.close()
        self.folder.cleanup()

    def words(self, *more):
        return [BINARY, "--store", self.path("s.db"), "--socket", self.path("c.sock"), "--config", self.path("c.yaml"), *more]

    def run(self, *more, given=None):
        return subprocess.run(self.words(*more), env=self.env, input=given, capture_output=True, text=True, timeout=60).stdout

    def say(self, text):
        row = json.dumps({"time": subprocess.check_output(["date", "-u", "+%FT%TZ"], text=True).strip(), "text": text, "id": text})
        self.run("import", "--as", "feedback", "-", given=row + "\n")

    def items(self):
        return [json.loads(line) for line in self.run("feedback", "export", "--with-text", "--since", "1h").splitlines()]

    def source(self):
        sources = json.loads(self.run("sources", "--format", "json")).get("sources", [])
        return next((s for s in sources if s["name"] == "judge"), {})

    def verdict(self, judge):
        """The judge's verdict on the one item that was said."""
        found = []

        def there():
            found[:] = [v for i in self.items() for v in i["verdicts"] if v["judge"] == judge]
            return bool(found)
        wait("a verdict of %s" % judge, there)
        return found[0]


def language():
    with Judged("language", "kind: azure-language, tasks: sentiment", "example=SuccessfulSentimentAnalysisRequest") as j:
        j.say("Great atmosphere. Staff are friendly and helpful.")
        verdict = j.verdict("azure-language/2023-04-01")
        assert verdict["label"] == "positive" and verdict["stands"], verdict
        assert j.items()[0]["judge"] == "azure-language/2023-04-01", j.items()
        assert j.source()["state"] == "ok", j.source()


def safety():
    with Judged("content-safety", "kind: azure-content-safety", "code=200") as j:
        j.say("This is text example")
        verdict = j.verdict("azure-content-safety/2024-09-01")
        assert verdict["label"] == "unknown" and not verdict["stands"], verdict
        assert j.items()[0]["judge"].startswith("local/"), j.items()


def refused():
    with Judged("language", "kind: azure-language, tasks: sentiment", "code=401") as j:
        j.say("This is terrible.")
        wait("the judge is denied", lambda: j.source().get("state") == "denied")
        assert "refuses the key" in j.source()["reason"] and "local judge" in j.source()["reason"], j.source()
        assert j.items()[0]["judge"].startswith("local/") and j.items()[0]["mood"] == "negative", j.items()


def busy():
    with Judged("language", "kind: azure-language, tasks: sentiment", "code=429") as j:
        j.say("This is terrible.")
        wait("the judge is failing", lambda: j.source().get("state") == "failing")
        assert "asks to wait (HTTP 429)" in j.source()["reason"], j.source()
        assert j.items()[0]["judge"].startswith("local/"), j.items()


def chat_in_prose():
    """The contract's example answers in prose, not in the JSON that was asked for: it is let go, with the reason."""
    with Judged("azure-openai", "kind: openai, path: \"/openai/deployments/small/chat/completions?api-version=2024-02-01\"", "code=200") as j:
        j.say("This is terrible.")
        verdict = j.verdict("openai/1")
        assert verdict["label"] == "unknown" and not verdict["stands"], verdict
        assert j.items()[0]["judge"].startswith("local/"), j.items()


CHECKS = {"Azure AI Language judges by its contract": language, "Azure AI Content Safety judges by its contract": safety,
          "a refused key is told and the local judge stands": refused, "HTTP 429 is waited out": busy,
          "an answer that is not what was asked for is let go": chat_in_prose}

if __name__ == "__main__":
    sys.exit(tap(list(CHECKS.items())))
