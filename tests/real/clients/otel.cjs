// OpenTelemetry's instrumentation of OpenAI's client; exporters and protocol come from OTEL_… variables.
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { OpenAIInstrumentation } = require('@opentelemetry/instrumentation-openai');

const sdk = new NodeSDK({ instrumentations: [new OpenAIInstrumentation()] });
sdk.start();
const OpenAI = require('openai');
require(process.env.LLMDECK_CALLS).run(OpenAI).finally(() => sdk.shutdown());
