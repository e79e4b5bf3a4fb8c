"""An agent as an application writes one: OpenTelemetry's SDK for its own steps (GenAI conventions), its
instrumentation of OpenAI's client for the model calls. What the SDK itself says of every span goes to the
file AGENT_SPANS, as JSON, for the test to compare with."""
import json
import os
import time

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

kept = InMemorySpanExporter()
spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
spans.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(spans)
OpenAIInstrumentor().instrument()

import openai  # after the instrumentation, as an application has it

tracer = trace.get_tracer("agent")
client = openai.OpenAI(max_retries=0)
MESSAGES = [{"role": "user", "content": "Can I return shoes after 40 days?"}]


def step(name, operation, **more):
    attributes = {"gen_ai.operation.name": operation}
    attributes.update({"gen_ai." + key.replace("__", "."): value for key, value in more.items()})
    return tracer.start_as_current_span(name, attributes=attributes)


def search():
    with step("retrieval policies", "retrieval", data_source__id="policies"):
        client.embeddings.create(model="text-embedding-3-small", input="return shoes", encoding_format="float")
        time.sleep(0.02)


def lookup(fails):
    with step("execute_tool policy_lookup", "execute_tool", tool__name="policy_lookup") as span:
        time.sleep(0.05)
        if fails:
            span.set_attribute("error.type", "timeout")
            span.set_status(Status(StatusCode.ERROR, "no answer"))
            return
        with step("execute_tool sql", "execute_tool", tool__name="sql"):
            time.sleep(0.02)


with step("invoke_agent returns", "invoke_agent", agent__name="returns"):
    client.chat.completions.create(model="gpt-4.1-nano", messages=MESSAGES)  # the plan
    search()
    lookup(True)
    lookup(False)
    client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)  # the answer
    try:
        client.chat.completions.create(model="limited", messages=MESSAGES)  # a second thought, refused
    except openai.RateLimitError:
        pass
spans.shutdown()

with open(os.environ["AGENT_SPANS"], "w") as out:
    json.dump([dict(name=s.name, id="%016x" % s.context.span_id, trace="%032x" % s.context.trace_id,
                    parent="%016x" % s.parent.span_id if s.parent else None, start_us=s.start_time // 1000,
                    end_us=s.end_time // 1000, operation=s.attributes["gen_ai.operation.name"],
                    failed=s.status.status_code is StatusCode.ERROR, error=s.attributes.get("error.type"),
                    model=s.attributes.get("gen_ai.response.model") or s.attributes.get("gen_ai.request.model"))
               for s in kept.get_finished_spans()], out)
