"""What the live checks stand on: processes that end with the check, a collector with a store of its own,
and what `llmdeck` says about it. Everything listens on loopback, on ports of the kernel's choice."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.path.abspath(os.environ.get("LLMDECK_BINARY", "build/llmdeck"))
CLIENTS = pathlib.Path(os.environ.get("LLMDECK_CLIENTS", "build/real-clients")).resolve()
CLIENT_S = 60  # the longest a client may take
TOKEN = "sesame-4318"


class Skip(Exception):
    """The check cannot be made here; says why."""


def wait(what, condition, seconds=CLIENT_S):
    """Waits until condition() is true and returns that; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.1)


def free_port():
    """A port that nobody listens on now, for programs that cannot tell which one the kernel gave them."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url, headers=None, seconds=5):
    """The body behind a URL, or None while nobody answers with 200."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=seconds) as answer:
            return answer.read().decode()
    except OSError:
        return None


class Bench:
    """A temporary folder and the processes started in it; a context manager that clears both away."""

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="llmdeck-real-"))
        self.processes = []
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, AssertionError) and (self.dir / "collector.log").exists():
            error.args = ("%s\ncollector's log:\n%s" % (error, self.log("collector")[-2000:]),)
        for process in reversed(self.processes):
            self.stop(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self, more):
        """This process's environment without what would steer the clients, and HOME in the folder."""
        env = {k: v for k, v in os.environ.items()
               if not re.match(r"OTEL_|OPENAI_|LANGFUSE_|LITELLM_|LLMDECK_|XDG_|.*_proxy$", k, re.I)}
        return {**env, "HOME": str(self.dir), "NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1", **more}

    def start(self, name, command, **env):
        """Starts a server in its own process group; its output goes to NAME.log in the folder."""
        log = open(self.dir / (name + ".log"), "wb")
        process = subprocess.Popen(command, env=self.environment(env), cwd=self.dir, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        process.name = name
        self.processes.append(process)
        return process

    def stop(self, process):
        """Ends a process and its children: asked first, then killed."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def log(self, name):
        return (self.dir / (name + ".log")).read_text(errors="replace")

    def run(self, command, **env):
        """Runs a client to its end; fails with its output when it fails or takes too long."""
        process = self.start("client", command, **env)
        try:
            code = process.wait(CLIENT_S)
        except subprocess.TimeoutExpired:
            self.stop(process)
            code = "none after %d s" % CLIENT_S
        self.processes.remove(process)
        assert code == 0, "%s: exit code %s: %s" % (command[-1], code, self.log("client")[-2000:])

    def configure(self, sources):
        """Writes the configuration: a token for OTLP and these sources (dicts)."""
        (self.dir / "config.yaml").write_text(json.dumps({"token": "env:REAL_TOKEN", "sources": list(sources)}))

    def collect(self, sources=(), **secrets):
        """Starts the collector with a token, these sources (dicts) and what their env: names; .port takes OTLP."""
        self.configure(sources)
        self.collector = self.start("collector", self.command("collect", "--listen", "127.0.0.1:%d" % free_port()),
                                    REAL_TOKEN=TOKEN, **secrets)
        listening = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
        self.port = int(wait("the collector listens", lambda: self.alive() and listening.search(self.log("collector")))[1])

    def alive(self):
        assert self.collector.poll() is None, "the collector has ended: " + self.log("collector")[-2000:]
        return True

    def command(self, *words):
        return [BINARY, *words, "--store", str(self.dir / "s.db"), "--socket", str(self.dir / "sock"),
                "--config", str(self.dir / "config.yaml")]

    def ask(self, *words):
        """What a command of llmdeck prints with --format json."""
        done = subprocess.run(self.command(*words, "--format", "json"), capture_output=True, text=True, timeout=30,
                              env=self.environment({"REAL_TOKEN": TOKEN}))
        assert done.returncode == 0, "llmdeck %s: %s" % (" ".join(words), done.stderr)
        return json.loads(done.stdout)

    def requests(self, service):
        """The stored requests of a service, oldest first."""
        rows = self.ask("requests", "--since", "1h", "--limit", "1000", "--where", "service=" + service)["requests"]
        return rows[::-1]

    def source(self, name):
        """A source as `llmdeck sources` tells it."""
        return next(s for s in self.ask("sources")["sources"] if s["name"] == name)

    def gauges(self, source, column="last"):
        """The newest value of every gauge of a source, or its largest one: {(name, instance): value}."""
        value = {"last": "g.last", "max": "max(g.max)"}[column]
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % (self.dir / "s.db"), uri=True)) as db:
            rows = db.execute("SELECT s.name, s.instance, %s FROM gauges_10s g JOIN gauge_series s ON s.id = g.id >> 32"
                              " WHERE s.source = ? %s ORDER BY g.last_us" % (value, "GROUP BY s.id" if column == "max" else ""),
                              (source,)).fetchall()
        return {(name, instance): value for name, instance, value in rows}


def tap(checks):
    """Runs (name, function) pairs one after the other and tells the outcome as TAP; 1 when one has failed."""
    print("1..%d" % len(checks), flush=True)
    failed = 0
    for number, (name, check) in enumerate(checks, 1):
        began = time.monotonic()
        try:
            check()
            line = "ok %d - %s (%.1f s)" % (number, name, time.monotonic() - began)
        except Skip as why:
            line = "ok %d - %s # SKIP %s" % (number, name, why)
        except Exception as why:  # a check that breaks has failed; the others still run
            failed = 1
            print("\n".join("# " + row for row in (repr(why) if not str(why) else str(why)).splitlines()))
            line = "not ok %d - %s" % (number, name)
        print(line, flush=True)
    return failed
