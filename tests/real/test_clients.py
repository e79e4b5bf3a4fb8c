#!/usr/bin/env python3
"""Real clients and servers against a running `llmdeck collect`; prints TAP.

The clients are those that install.sh has put into LLMDECK_CLIENTS; one that is not there is
skipped. All of them call the server of openai_server.py: what a request must look like in the store
follows from its model (right()), less what that client does not send (the UNSENT of its row).
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing of this belongs into the source tree

from bench import BINARY, Bench, CLIENTS, HERE, Skip, TOKEN, free_port, get, tap, wait
from openai_server import ANSWERED_SUFFIX, METRICS, METRICS_MODEL, MODELS, Server

KEY = "sk-0123456789abcdef0123456789abcdef"  # LiteLLM's master key
FAILED = ("limited", "broken", "filtered", "slow")
STREAMED = ("gpt-4o", "gpt-4.1-mini")
PYTHON_ERRORS = dict(limited="RateLimitError", broken="InternalServerError", filtered="BadRequestError",
                     slow="APITimeoutError")
NODE_ERRORS = {**PYTHON_ERRORS, "slow": "APIConnectionTimeoutError"}
LANGFUSE_ERRORS = dict(limited="rate_limit", broken="server_error", filtered="bad_request", slow="timeout")
LITELLM_ERRORS = {**PYTHON_ERRORS, "slow": "Timeout"}


def right(model, errors):
    """What is known of a request to this model when its client tells everything."""
    row = MODELS[model]
    if model in FAILED:
        return dict(model=model, status="error", error_type=errors[model], operation="chat", provider="openai",
                    input_tokens=None, output_tokens=None, finish_reason=None,
                    http_status=row["status"] if row["what"] == "error" else None)
    given, cached, out, reasoning = row["tokens"]
    embeds = row["what"] == "embeddings"
    return dict(model=model + ANSWERED_SUFFIX, request_model=model, status="ok", error_type=None, provider="openai",
                operation="embeddings" if embeds else "chat", finish_reason=row["finish"], input_tokens=given,
                output_tokens=None if embeds else out, cached_tokens=cached, reasoning_tokens=None if embeds else reasoning)


def compare(rows, models, errors, unsent):
    """Every model once, each field as right() says unless unsent says otherwise: {model or "*" or "failed":
    {field: value}}, the more particular one winning; a callable value is asked, any other compared."""
    found = {(r["request_model"] or r["model"]).removesuffix(ANSWERED_SUFFIX): r for r in rows}
    wrong = ["a request to %s is missing" % m for m in models if m not in found]
    wrong += ["a request to %s is too much" % m for m in found if m not in models]
    if len(rows) != len(models):
        wrong.append("%d requests, not %d" % (len(rows), len(models)))
    for model in set(models) & set(found):
        wanted = {**right(model, errors), **unsent.get("*", {}),
                  **(unsent.get("failed", {}) if model in FAILED else unsent.get("ok", {})), **unsent.get(model, {})}
        for field, value in wanted.items():
            got = found[model].get(field)
            if not (value(got) if callable(value) else got == value):
                wrong.append("%s: %s is %r, not %r" % (model, field, got, value))
    assert not wrong, "\n".join(sorted(wrong))


NO_TOKENS = dict(input_tokens=None, output_tokens=None, cached_tokens=None, reasoning_tokens=None)
NO_DETAILS = dict(cached_tokens=None, reasoning_tokens=None)


def asked_only(model, **more):
    """The client never learned which model answered."""
    return dict(model=model, request_model=None, **more)


# name, part, program, errors, models, unsent
ALL = tuple(MODELS)
ANSWERED = tuple(m for m in ALL if m not in FAILED)
OTEL_JS = {"*": NO_DETAILS, "gpt-4o": NO_TOKENS}
CLIENT_CHECKS = [
    ("OpenTelemetry's OpenAI instrumentation for JavaScript, JSON", "npm-otel", "otel.cjs", "http/json",
     NODE_ERRORS, ALL, OTEL_JS),
    ("OpenTelemetry's OpenAI instrumentation for JavaScript, protobuf", "npm-otel", "otel.cjs", "http/protobuf",
     NODE_ERRORS, ALL, OTEL_JS),
    ("OpenInference for JavaScript", "npm-openinference", "openinference.cjs", "http/protobuf", {}, ANSWERED,
     {**{m: asked_only(m, **NO_TOKENS) for m in STREAMED}, "gpt-4.1": dict(finish_reason=None),
      "text-embedding-3-small": asked_only("text-embedding-3-small", **NO_TOKENS)}),
    ("Langfuse for JavaScript", "npm-langfuse", "langfuse.cjs", None, LANGFUSE_ERRORS, ALL,
     {"*": dict(provider=None, request_model=None, finish_reason=None, user="u-7", session="s-7"),
      "gpt-4o": dict(model="gpt-4o", ttft_ms=lambda ms: ms is not None and 0 < ms < 1000, **NO_TOKENS),
      "gpt-4.1-mini": dict(model="gpt-4.1-mini", ttft_ms=lambda ms: ms is not None and 0 < ms < 1000),
      "text-embedding-3-small": NO_TOKENS}),
    ("OpenTelemetry's OpenAI instrumentation for Python", "pypi-otel", "otel.py", "http/protobuf", PYTHON_ERRORS,
     tuple(m for m in ALL if m != "gpt-4.1"),  # it does not know the responses API
     {"*": NO_DETAILS, "gpt-4o": dict(finish_reason=None, **NO_TOKENS), "gpt-4.1-mini": dict(finish_reason=None)}),
    ("OpenLLMetry's OpenAI instrumentation for Python", "pypi-openllmetry", "openllmetry.py", "http/protobuf",
     PYTHON_ERRORS, ALL,
     {"gpt-4o": NO_TOKENS, "gpt-4.1-mini": dict(reasoning_tokens=None), "text-embedding-3-small": dict(cached_tokens=0)}),
]


def need(part):
    """The folder of an installed part, or a skip with the reason why it is not there."""
    if not (CLIENTS / (part + ".done")).exists():
        why = CLIENTS / (part + ".why")
        raise Skip("%s is not installed: %s" % (part, why.read_text().strip() if why.exists() else "see tests/real/install.sh"))
    return CLIENTS / part


def need_server(name):
    """A server's program: the system's, or the one unpacked from its Debian package."""
    return shutil.which(name) or str(need("deb-" + name) / "usr/bin" / name)


def run_client(bench, server, part, program, protocol, service):
    """Runs one client's calls to its end."""
    folder = need(part)
    at = "http://127.0.0.1:%d" % bench.port
    env = dict(OPENAI_BASE_URL="http://127.0.0.1:%d/v1" % server.port, OPENAI_API_KEY="none", OTEL_SERVICE_NAME=service)
    if protocol:
        env.update(OTEL_EXPORTER_OTLP_ENDPOINT=at, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_TRACES_EXPORTER="otlp",
                   OTEL_METRICS_EXPORTER="otlp", OTEL_LOGS_EXPORTER="otlp",
                   OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20" + TOKEN)
    else:
        env.update(LANGFUSE_BASE_URL=at, LANGFUSE_PUBLIC_KEY="pk", LANGFUSE_SECRET_KEY=TOKEN)
    if program.endswith(".py"):
        bench.run([str(folder / "bin/python3"), str(HERE / "clients" / program)], **env)
        return
    node = shutil.which("node")
    if not node:
        raise Skip("there is no node")
    bench.run([node, str(HERE / "clients" / program)], NODE_PATH=str(folder / "node_modules"),
              LLMDECK_CALLS=str(HERE / "clients/calls.cjs"), **env)


def client_check(server, part, program, protocol, errors, models, unsent):
    with Bench() as bench:
        need(part)
        bench.collect()
        run_client(bench, server, part, program, protocol, "shop")
        rows = wait("the requests are stored", lambda: bench.requests("shop"), 10)
        compare(rows, models, errors, unsent)
        source = bench.source("otlp")
        assert source["state"] == "ok" and not source["reason"], source
        total = bench.ask("report", "--since", "1h", "--where", "service=shop")["total"]
        failed = sum(m in FAILED for m in models)
        for field, wanted in (("requests", len(models)), ("errors", failed),
                              ("input_tokens", sum(r["input_tokens"] or 0 for r in rows)),
                              ("output_tokens", sum(r["output_tokens"] or 0 for r in rows))):
            assert total[field] == wanted, "report: %s is %r, not %r" % (field, total[field], wanted)
        silent = {f: "lower_bound" for f in ("errors", "error_rate") if models == ANSWERED}  # it tells no failed call
        got = {f: total["quality"][f] for f in ("errors", "error_rate") if f in total["quality"]}
        assert got == silent, "report: the errors' quality is %r, not %r" % (got, silent)


def litellm_config(server):
    """Every model as an OpenAI one at the local server; nothing is tried twice or put aside."""
    def row(model):
        return dict(model_name=model, litellm_params=dict(
            model="openai/" + model, api_base="http://127.0.0.1:%d/v1" % server.port, api_key="none", num_retries=0,
            timeout=1 if model == "slow" else 10))
    return dict(model_list=[row(m) for m in MODELS], litellm_settings=dict(callbacks=["otel", "prometheus"], num_retries=0),
                router_settings=dict(num_retries=0, disable_cooldowns=True))


def litellm_check(server):
    """A LiteLLM proxy: its spans become requests with its own costs, its metrics page the gateway's gauges."""
    folder = need("pypi-litellm")
    with Bench() as bench:
        port = free_port()
        at = "http://127.0.0.1:%d" % port
        bench.collect(GATEWAY_KEY=KEY)
        (bench.dir / "litellm.yaml").write_text(json.dumps(litellm_config(server)))
        proxy = bench.start(
            "litellm", [str(folder / "bin/litellm"), "--config", str(bench.dir / "litellm.yaml"), "--host", "127.0.0.1",
                        "--port", str(port)],
            OTEL_EXPORTER="otlp_http", OTEL_ENDPOINT="http://127.0.0.1:%d/v1/traces" % bench.port,
            OTEL_HEADERS="Authorization=Bearer " + TOKEN, OTEL_SERVICE_NAME="litellm", LITELLM_MASTER_KEY=KEY,
            LITELLM_LOCAL_MODEL_COST_MAP="True", PATH="%s:%s" % (folder / "bin", os.environ["PATH"]))
        wait("LiteLLM answers", lambda: proxy.poll() is None and get(at + "/health/liveliness"))
        bench.configure([dict(name="gateway", kind="prometheus", url=at + "/metrics", every="1s", timeout="3s",
                              token="env:GATEWAY_KEY")])
        bench.collector.send_signal(signal.SIGHUP)
        wait("the metrics page is read", lambda: [s for s in bench.ask("sources")["sources"]
                                                  if s["name"] == "gateway" and s["state"] == "ok"], 20)
        call = dict(PYTHONPATH=str(HERE / "clients"), OPENAI_BASE_URL=at + "/v1", OPENAI_API_KEY=KEY)
        bench.run([str(folder / "bin/python3"), "-c", "import calls; calls.run()"], **call)
        wait("the requests are stored", lambda: len(bench.requests("litellm")) >= len(ALL), 20)
        rows = bench.requests("litellm")
        unsent = {m: dict(model=m, request_model=None, **NO_DETAILS, cost_source="reported") for m in ANSWERED}
        # LiteLLM asks for the usage of streams by itself, and counts an embedding's answer as no tokens.
        unsent["text-embedding-3-small"]["output_tokens"] = 0
        compare(rows, ALL, LITELLM_ERRORS, {**unsent, "slow": dict(http_status=408),
                                            "filtered": dict(http_status=lambda got: got in (None, 400))})
        for name, model in (("requests_per_second", "gpt-4o-mini"), ("output_tokens_per_second", "o4-mini"),
                            ("failures_per_second", "limited"), ("cost_usd_per_hour", "gpt-4.1"),
                            ("latency_seconds_p50", "gpt-4o-mini"), ("ttft_seconds_p50", "gpt-4o")):
            wait("%s of %s" % (name, model), lambda: bench.gauges("gateway", "max").get(("serving." + name, model), 0) > 0, 20)


KINDS = {"invoke_agent": "agent", "execute_tool": "tool", "retrieval": "retrieval", "chat": "call", "embeddings": "embed"}
TRACE_LINE = re.compile(r"^[ >]([ *]) *(\d+\.\d{3}) s +(\d+\.\d{3}) s  ( *)(\S+) +(.*)$")


def tree_of(spans):
    """What a client's own spans make: (depth, span) with parents before children, children by their start."""
    def below(parent, depth):
        for span in sorted((s for s in spans if s["parent"] == parent), key=lambda s: s["start_us"]):
            yield depth, span
            yield from below(span["id"], depth + 1)
    return list(below(None, 0))


TRACE_ROW = re.compile(r"^ ((?:[\u2502 ] )*(?:[\u251c\u2514] )?)(agent|llm|embed|tool|retrieval) (.+?)  .*?(\d[\d.]*)(ms|s)(?: |$)")


def page_of(bench, trace, text):
    """The rows of the console's page of a trace, opened by its id on a terminal: (depth, kind, name, seconds, row)."""
    program = Path(BINARY).resolve().parent / "tests/real/show_trace"
    env = bench.environment({"REAL_TOKEN": TOKEN, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"})
    shown = subprocess.run([str(program), trace, text, *bench.command("console")], capture_output=True, text=True, timeout=90,
                           env=env)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    rows = [(TRACE_ROW.match(line), line) for line in shown.stdout.splitlines()]
    return [(len(m[1]) // 2, m[2], m[3], float(m[4]) * (0.001 if m[5] == "ms" else 1), line) for m, line in rows
            if m], shown.stdout



def name_of(span):
    """What a step is called on a screen."""
    if KINDS[span["operation"]] in ("call", "embed"):
        return span["model"]
    return span["name"] if span["operation"] == "retrieval" else span["name"].split(" ", 1)[-1]


def console_check(bench, wanted):
    """The same trace in the console, sent live, opened by its id: span by span."""
    rows, screen = page_of(bench, wanted[0][1]["trace"], "agent " + name_of(wanted[0][1]))
    assert len(rows) == len(wanted), "%d rows for %d spans:\n%s" % (len(rows), len(wanted), screen)
    for (depth, kind, name, takes, row), (level, span) in zip(rows, wanted):
        kind_wanted = {"call": "llm"}.get(KINDS[span["operation"]], KINDS[span["operation"]])
        assert (depth, kind) == (level, kind_wanted), "%r is no row of %s:\n%s" % (row, span, screen)
        assert name.startswith(name_of(span)[:20]) or name_of(span).startswith(name), "%r: not %s:\n%s" % (row, name_of(span), screen)
        took = (span["end_us"] - span["start_us"]) / 1e6
        assert abs(takes - took) < 0.002 + took * 0.02, "%r: not as long as %s" % (row, span)
        assert not span["error"] or span["error"] in row, "%r: without its error:\n%s" % (row, screen)


def agent_check(server):
    """The trace of an agent with tools, a retrieval and model calls, span by span as its client made it."""
    with Bench() as bench:
        folder = need("pypi-otel")
        bench.collect()
        bench.run([str(folder / "bin/python3"), str(HERE / "clients/agent.py")], AGENT_SPANS=str(bench.dir / "spans.json"),
                  OPENAI_BASE_URL="http://127.0.0.1:%d/v1" % server.port, OPENAI_API_KEY="none", OTEL_SERVICE_NAME="returns",
                  OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:%d" % bench.port, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                  OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20" + TOKEN)
        wanted = tree_of(json.loads((bench.dir / "spans.json").read_text()))
        calls = sum(KINDS[span["operation"]] in ("call", "embed") for _, span in wanted)
        rows = wait("the agent's requests are stored", lambda: len(bench.requests("returns")) == calls and bench.requests("returns"), 10)
        assert len({row["trace_id"] for row in rows}) == 1, rows
        shown = subprocess.run(bench.command("requests", "show", rows[-1]["id"]), capture_output=True, text=True, timeout=30,
                               env=bench.environment({"LC_ALL": "C.UTF-8"})).stdout
        lines = [m.groups() for m in map(TRACE_LINE.match, shown.splitlines()) if m]
        assert len(lines) == len(wanted), "%d lines for %d spans:\n%s" % (len(lines), len(wanted), shown)
        begin = wanted[0][1]["start_us"]
        for (critical, start, takes, indent, kind, rest), (depth, span) in zip(lines, wanted):
            got = (len(indent) // 2, kind, rest.startswith(name_of(span)), "failed" in rest)
            assert got == (depth, KINDS[span["operation"]], True, span["failed"]), "%s is no line of %s:\n%s" % (got, span, shown)
            assert abs(float(start) - (span["start_us"] - begin) / 1e6) < 0.002, "%s starts at %s:\n%s" % (span, start, shown)
            assert abs(float(takes) - (span["end_us"] - span["start_us"]) / 1e6) < 0.002, "%s takes %s:\n%s" % (span, takes, shown)
            assert not span["error"] or span["error"] in rest, "%s without its error:\n%s" % (span, shown)
            assert depth or critical == "*", "the agent is not on the critical path:\n%s" % shown
        tries = [rest for _, _, _, _, kind, rest in lines if kind == "tool" and rest.startswith("policy_lookup")]
        assert len(tries) == 2 and "timeout" in tries[0] and "try 2" in tries[1], shown
        console_check(bench, wanted)


def near(got, wanted, share=0.1):
    return got is not None and abs(got - wanted) <= abs(wanted) * share + 1e-9


def serving_right(bench, source):
    """True once the gauges of the vLLM page (openai_server.py) are what it is made to show; else what differs."""
    gauges = bench.gauges(source)
    wanted = {"requests_running": METRICS["running"], "requests_waiting": METRICS["waiting"],
              "kv_cache_usage": METRICS["kv_cache"], "input_tokens_per_second": METRICS["prompt_per_s"],
              "output_tokens_per_second": METRICS["generation_per_s"], "requests_per_second": METRICS["success_per_s"],
              "ttft_seconds_p50": 0.2, "ttft_seconds_p95": 0.38}
    wrong = {n: gauges.get(("serving." + n, METRICS_MODEL)) for n, v in wanted.items()
             if not near(gauges.get(("serving." + n, METRICS_MODEL)), v)}
    return wrong or True


def wait_serving(bench, source):
    last = []

    def good():
        last[:] = [serving_right(bench, source)]
        return last[0] is True
    try:
        wait("the figures of " + source, good, 40)
    except AssertionError as why:
        raise AssertionError("%s: %s; gauges %s; source %s" % (why, last, bench.gauges(source), bench.source(source)))


def scraper_config(server):
    return ("scrape_configs:\n  - job_name: vllm\n    scrape_interval: 1s\n    scrape_timeout: 1s\n"
            "    static_configs:\n      - targets: ['127.0.0.1:%d']\n" % server.port)


def promql_check(server, name, command):
    """A server with Prometheus's API scrapes the vLLM page: asked for it, it gives the figures that a scrape gives,
    the past it has, and the answer to a question of one's own. command(program, folder, address) starts it."""
    program = need_server(name)
    with Bench() as bench:
        port = free_port()
        at = "http://127.0.0.1:%d" % port
        (bench.dir / "scrape.yml").write_text(scraper_config(server))
        process = bench.start(name, command(program, bench.dir, "127.0.0.1:%d" % port))
        wait("%s answers" % name, lambda: process.poll() is None and get(at + "/api/v1/query?query=vllm:num_requests_running")
             and '"metric"' in get(at + "/api/v1/query?query=vllm:num_requests_running"))
        bench.collect([dict(name="direct", kind="prometheus", url="http://127.0.0.1:%d/metrics" % server.port, every="1s",
                            timeout="900ms"),
                       dict(name="asked", kind="promql", url=at, every="1s", timeout="900ms", window="10s"),
                       dict(name="own", kind="promql", url=at, every="1s", timeout="900ms", window="10s",
                            queries={"own.waiting": "sum by (model_name) (vllm:num_requests_waiting)"}),
                       dict(name="bad", kind="promql", url=at, every="1s", timeout="900ms", window="10s",
                            queries={"own.bad": "sum by ("})])
        for source in ("direct", "asked"):
            wait_serving(bench, source)
            assert bench.source(source)["state"] == "ok", bench.source(source)
        wait("the own question's answer", lambda: METRICS["waiting"] in
             [v for (n, _), v in bench.gauges("own").items() if n == "own.waiting"], 20)
        wait("a bad question is said", lambda: bench.source("bad")["state"] != "ok" and bench.source("bad")["reason"], 20)
        bench.stop(process)
        wait("%s's end is said" % name, lambda: bench.source("asked")["state"] not in ("ok", "init")
             and bench.source("asked")["reason"], 30)
        assert bench.source("direct")["state"] == "ok", bench.source("direct")


def prometheus(program, folder, address):
    return [program, "--config.file=%s/scrape.yml" % folder, "--storage.tsdb.path=%s/data" % folder,
            "--web.listen-address=" + address]


def victoria_metrics(program, folder, address):
    return [program, "-promscrape.config=%s/scrape.yml" % folder, "-storageDataPath=%s/data" % folder,
            "-httpListenAddr=" + address, "-search.latencyOffset=1s", "-search.disableCache"]


def main():
    server = Server()
    checks = [(name, lambda row=row: client_check(server, *row)) for name, *row in CLIENT_CHECKS]
    checks.append(("An agent of OpenTelemetry's SDK for Python, its trace span by span", lambda: agent_check(server)))
    checks.append(("LiteLLM proxy: spans and metrics page", lambda: litellm_check(server)))
    checks.append(("Prometheus, scraping and asked", lambda: promql_check(server, "prometheus", prometheus)))
    checks.append(("VictoriaMetrics, scraping and asked", lambda: promql_check(server, "victoria-metrics", victoria_metrics)))
    if len(sys.argv) > 1:  # only those whose names hold one of these words
        checks = [c for c in checks if any(word.lower() in c[0].lower() for word in sys.argv[1:])]
    return tap(checks)


if __name__ == "__main__":
    sys.exit(main())
