// The calls that every Node client makes; each is told apart by its model (see ../openai_server.py).
const messages = [{ role: 'user', content: 'How is it?' }];
const weather = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

async function drain(stream) {
  for await (const chunk of stream) void chunk;
}

const calls = [
  (c) => c.chat.completions.create({ model: 'gpt-4o-mini', messages }),
  async (c) => drain(await c.chat.completions.create({ model: 'gpt-4o', messages, stream: true })),
  async (c) => drain(await c.chat.completions.create({
    model: 'gpt-4.1-mini', messages, stream: true, stream_options: { include_usage: true },
  })),
  (c) => c.chat.completions.create({ model: 'gpt-4.1-nano', messages, tools: [weather] }),
  (c) => c.chat.completions.create({ model: 'gpt-4-turbo', messages, max_tokens: 16 }),
  (c) => c.chat.completions.create({ model: 'o4-mini', messages }),
  (c) => c.responses.create({ model: 'gpt-4.1', input: 'How is it?' }),
  (c) => c.embeddings.create({ model: 'text-embedding-3-small', input: 'How is it?', encoding_format: 'float' }),
  (c) => c.chat.completions.create({ model: 'limited', messages }),
  (c) => c.chat.completions.create({ model: 'broken', messages }),
  (c) => c.chat.completions.create({ model: 'filtered', messages }),
  (c) => c.chat.completions.create({ model: 'slow', messages }, { timeout: 500 }),
];

// Makes all calls, one after the other; the last four fail by design. wrap: what the client wants around it.
exports.run = async (OpenAI, wrap = (c) => c) => {
  const client = wrap(new OpenAI({ maxRetries: 0, baseURL: process.env.OPENAI_BASE_URL, apiKey: 'none' }));
  let failed = 0;
  for (const call of calls) {
    try {
      await call(client);
    } catch (e) {
      failed++;
    }
  }
  if (failed !== 4) throw new Error(`${failed} calls failed, not 4`);
};
