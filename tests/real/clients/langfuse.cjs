// Langfuse's wrapper of OpenAI's client with its own span processor, which posts OTLP to LANGFUSE_BASE_URL.
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { LangfuseSpanProcessor } = require('@langfuse/otel');
const { observeOpenAI } = require('@langfuse/openai');
const OpenAI = require('openai');

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME }),
  spanProcessors: [new LangfuseSpanProcessor()],
});
provider.register();
require(process.env.LLMDECK_CALLS)
  .run(OpenAI, (c) => observeOpenAI(c, { userId: 'u-7', sessionId: 's-7' }))
  .finally(() => provider.shutdown());
