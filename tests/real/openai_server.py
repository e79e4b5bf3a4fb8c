"""A small server that speaks OpenAI's API on loopback, for real clients to talk to.

What a request gets is decided by its model alone (MODELS below), so a test knows each request by its
model and what it must have cost. The answering model is the one asked for with "-2026-01-15" behind it.
It also serves /metrics in vLLM's words: a page whose figures grow with the clock and whose rates are
therefore known (METRICS).
"""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERED_SUFFIX = "-2026-01-15"
SLOW_S = 3.0

# what: chat, tools, embeddings, or a failure; tokens in (of which cached) and out (of which reasoning).
MODELS = {
    "gpt-4o-mini": dict(what="chat", tokens=(21, 8, 7, 0), finish="stop"),
    "gpt-4o": dict(what="chat", tokens=(33, 0, 9, 0), finish="stop"),
    "gpt-4.1-mini": dict(what="chat", tokens=(35, 16, 10, 0), finish="stop"),
    "gpt-4.1-nano": dict(what="tools", tokens=(40, 0, 12, 0), finish="tool_calls"),
    "gpt-4-turbo": dict(what="chat", tokens=(15, 0, 16, 0), finish="length"),
    "o4-mini": dict(what="chat", tokens=(50, 32, 120, 96), finish="stop"),
    "gpt-4.1": dict(what="chat", tokens=(27, 4, 11, 5), finish="stop"),
    "text-embedding-3-small": dict(what="embeddings", tokens=(6, 0, 0, 0), finish=None),
    "limited": dict(what="error", status=429, type="requests", code="rate_limit_exceeded"),
    "broken": dict(what="error", status=500, type="server_error", code=None),
    "filtered": dict(what="error", status=400, type="invalid_request_error", code="content_filter"),
    "slow": dict(what="slow", tokens=(5, 0, 5, 0), finish="stop"),
}

# Per second: what the metrics page's counters grow by. Gauges stand still.
METRICS = dict(generation_per_s=40, prompt_per_s=100, success_per_s=2, running=3, waiting=1, kv_cache=0.25)
METRICS_MODEL = "llama-3.1-8b"


def usage_chat(tokens):
    given, cached, out, reasoning = tokens
    return {
        "prompt_tokens": given, "completion_tokens": out, "total_tokens": given + out,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0,
                                      "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    }


def tool_call():
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}


def chat_body(model, row):
    message = {"role": "assistant", "content": "All is well.", "refusal": None}
    if row["what"] == "tools":
        message = {"role": "assistant", "content": None, "tool_calls": [tool_call()], "refusal": None}
    return {
        "id": "chatcmpl-" + model, "object": "chat.completion", "created": int(time.time()),
        "model": model + ANSWERED_SUFFIX, "usage": usage_chat(row["tokens"]),
        "choices": [{"index": 0, "message": message, "finish_reason": row["finish"], "logprobs": None}],
    }


def chat_chunks(model, row, with_usage):
    head = {"id": "chatcmpl-" + model, "object": "chat.completion.chunk", "created": int(time.time()),
            "model": model + ANSWERED_SUFFIX}
    for delta, finish in (({"role": "assistant", "content": ""}, None), ({"content": "All "}, None),
                          ({"content": "is well."}, None), ({}, row["finish"])):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    if with_usage:
        yield {**head, "choices": [], "usage": usage_chat(row["tokens"])}


def responses_body(model, row):
    given, cached, out, reasoning = row["tokens"]
    text = {"type": "output_text", "text": "All is well.", "annotations": []}
    return {
        "id": "resp_1", "object": "response", "created_at": int(time.time()), "status": "completed",
        "model": model + ANSWERED_SUFFIX, "error": None, "incomplete_details": None, "instructions": None,
        "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0,
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}],
        "usage": {"input_tokens": given, "input_tokens_details": {"cached_tokens": cached},
                  "output_tokens": out, "output_tokens_details": {"reasoning_tokens": reasoning},
                  "total_tokens": given + out},
    }


def metrics_page(age_s):
    label = '{model_name="%s",engine="0"}' % METRICS_MODEL
    success = METRICS["success_per_s"] * age_s
    lines = []

    def add(name, kind, value, labels=label):
        lines.append("# TYPE %s %s\n%s%s %.6f" % (name, kind, name, labels, value))

    add("vllm:num_requests_running", "gauge", METRICS["running"])
    add("vllm:num_requests_waiting", "gauge", METRICS["waiting"])
    add("vllm:kv_cache_usage_perc", "gauge", METRICS["kv_cache"])
    add("vllm:prompt_tokens_total", "counter", METRICS["prompt_per_s"] * age_s)
    add("vllm:generation_tokens_total", "counter", METRICS["generation_per_s"] * age_s)
    add("vllm:request_success_total", "counter", success,
        '{model_name="%s",engine="0",finished_reason="stop"}' % METRICS_MODEL)
    name = "vllm:time_to_first_token_seconds"
    lines.append("# TYPE %s histogram" % name)
    for le, share in (("0.1", 0.0), ("0.2", 0.5), ("0.4", 1.0), ("+Inf", 1.0)):
        lines.append('%s_bucket{model_name="%s",engine="0",le="%s"} %.6f' % (name, METRICS_MODEL, le, success * share))
    lines.append("%s_sum%s %.6f" % (name, label, success * 0.2))
    lines.append("%s_count%s %.6f" % (name, label, success))
    return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-request-id", "req_1")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, chunks):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in [json.dumps(c) for c in chunks] + ["[DONE]"]:
            data = b"data: " + event.encode() + b"\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        if self.path == "/metrics":
            page = metrics_page(time.time() - self.server.began).encode()
            return self.answer(200, page, "text/plain; version=0.0.4; charset=utf-8")
        return self.answer(404, {"error": {"message": "no such page", "type": "invalid_request_error"}})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        model = asked.get("model", "")
        row = MODELS.get(model)
        self.server.count(model)
        if row is None:
            return self.answer(404, {"error": {"message": "no such model", "type": "invalid_request_error",
                                               "code": "model_not_found", "param": None}})
        if row["what"] == "slow":
            time.sleep(SLOW_S)
        if row["what"] == "error":
            return self.answer(row["status"], {"error": {"message": "said no", "type": row["type"],
                                                         "code": row["code"], "param": None}})
        if self.path.endswith("/embeddings"):
            return self.answer(200, {"object": "list", "model": model + ANSWERED_SUFFIX,
                                     "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25, -0.5]}],
                                     "usage": {"prompt_tokens": row["tokens"][0], "total_tokens": row["tokens"][0]}})
        if self.path.endswith("/responses"):
            return self.answer(200, responses_body(model, row))
        if asked.get("stream"):
            with_usage = (asked.get("stream_options") or {}).get("include_usage", False)
            return self.stream(chat_chunks(model, row, with_usage))
        return self.answer(200, chat_body(model, row))


class Server(ThreadingHTTPServer):
    """Listens on a port of the kernel's choice at once; asked() tells how often a model was asked for."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.began = time.time() - 60
        self.lock = threading.Lock()
        self.counts = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that has hung up, as the timeout's does

    def count(self, model):
        with self.lock:
            self.counts[model] = self.counts.get(model, 0) + 1

    @property
    def port(self):
        return self.server_address[1]
