// llama.cpp through node-llama-cpp on one GGUF, on the CPU: reads a text as one sequence, and at given
// lengths says how fast the part since the last one was read and how fast tokens are written there.
//
//   node measure.mjs --model GGUF --text FILE [--lengths 512,2048] [--threads 2] [--decode 16]
//                    [--seconds 60]
//
// Prints one JSON object. Lengths that would not be reached within --seconds, at the rate so far, are
// left out.
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { LlamaLogLevel, getLlama } from "node-llama-cpp";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    text: { type: "string" },
    lengths: { type: "string", default: "512,2048" },
    threads: { type: "string", default: "2" },
    decode: { type: "string", default: "16" },
    seconds: { type: "string", default: "60" },
  },
});
if (values.model === undefined || values.text === undefined) {
  process.stderr.write("Usage: node measure.mjs --model GGUF --text FILE [--lengths 512,2048]\n");
  process.exit(2);
}
const lengths = values.lengths.split(",").map(Number);
const threads = Number(values.threads);
const written = Number(values.decode);
const longest = Math.max(...lengths);

const llama = await getLlama({
  gpu: false,
  build: "never",
  skipDownload: true,
  logLevel: LlamaLogLevel.error,
  maxThreads: threads,
});
const model = await llama.loadModel({ modelPath: values.model, gpuLayers: 0 });
const context = await model.createContext({
  contextSize: longest + lengths.length * (written + 1) + 64,
  batchSize: 512,
  threads,
  flashAttention: true,
  ignoreMemorySafetyChecks: true,
});
const sequence = context.getSequence();
const text = readFileSync(values.text, "utf8");
const tokens = model.tokenize(text.slice(0, longest * 8));
if (tokens.length < longest) throw new Error(`The text has ${tokens.length} tokens only.`);

// Threads awake and weights in memory before the clock starts.
await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(0, 64));
await sequence.clearHistory();

const start = performance.now();
const rows = [];
let read = 0;
let prefillMs = 0;
for (const length of lengths) {
  const part = tokens.slice(read, length);
  const expectedMs = read === 0 ? 0 : (prefillMs / read) * part.length;
  if (performance.now() - start + expectedMs > Number(values.seconds) * 1000) break;
  const before = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(part);
  const partMs = performance.now() - before;
  prefillMs += partMs;
  read = length;

  const steps = [];
  let last = performance.now();
  // The first token also reads the one that was given to start from.
  for await (const _ of sequence.evaluate([tokens[length] ?? tokens[0]], { temperature: 0 })) {
    const now = performance.now();
    steps.push(now - last);
    last = now;
    if (steps.length > written) break;
  }
  // What was written is no part of the text.
  await sequence.eraseContextTokenRanges([{ start: length, end: sequence.nextTokenIndex }]);
  steps.shift();
  steps.sort((a, b) => a - b);
  rows.push({
    length,
    partTokens: part.length,
    partMs,
    prefillTokensPerSecond: (read / prefillMs) * 1000,
    decodeMs: steps[Math.floor(steps.length / 2)],
    load: loadavg()[0],
  });
}
const { version } = JSON.parse(
  readFileSync(new URL("node_modules/node-llama-cpp/package.json", import.meta.url), "utf8"),
);
process.stdout.write(
  `${JSON.stringify({ peer: `node-llama-cpp ${version}`, release: llama.llamaCppRelease, threads, rows })}\n`,
);
await context.dispose();
await model.dispose();
await llama.dispose();
