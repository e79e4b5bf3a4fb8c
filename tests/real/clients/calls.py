"""The calls that every Python client makes; each is told apart by its model (see ../openai_server.py)."""
import openai

MESSAGES = [{"role": "user", "content": "How is it?"}]
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}


def chat(model, **more):
    return lambda c: c.chat.completions.create(model=model, messages=MESSAGES, **more)


def stream(model, **more):
    return lambda c: [chunk for chunk in chat(model, stream=True, **more)(c)]


CALLS = [
    chat("gpt-4o-mini"),
    stream("gpt-4o"),
    stream("gpt-4.1-mini", stream_options={"include_usage": True}),
    chat("gpt-4.1-nano", tools=[WEATHER]),
    chat("gpt-4-turbo", max_tokens=16),
    chat("o4-mini"),
    lambda c: c.responses.create(model="gpt-4.1", input="How is it?"),
    lambda c: c.embeddings.create(model="text-embedding-3-small", input="How is it?", encoding_format="float"),
    chat("limited"),
    chat("broken"),
    chat("filtered"),
    chat("slow", timeout=0.5),
]


def run():
    """Makes all calls, one after the other; the last four fail by design."""
    client = openai.OpenAI(max_retries=0)  # OPENAI_BASE_URL and OPENAI_API_KEY say where and who
    failed = 0
    for call in CALLS:
        try:
            call(client)
        except openai.APIError:
            failed += 1
    if failed != 4:
        raise SystemExit("%d calls failed, not 4" % failed)
