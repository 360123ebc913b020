/** What the fake engine's two models say of themselves: the real ones' layout with small shapes. */
import type { OpenModel } from "../../src/shared/engineMessages.js";
import type { ModelInfo } from "../../src/shared/model.js";

export function fakeModelInfo({ role, indexSource, layout }: OpenModel): ModelInfo {
  const fileToken = role === "coder" ? "<|file_sep|>" : "<file_sep>";
  return {
    name: role === "coder" ? "Fake-Coder" : "Fake-Scout",
    architecture: role === "coder" ? "qwen2" : "llama",
    quantization: "F32",
    parameters: 1000,
    layers: role === "coder" ? 3 : 2,
    sparseLayers: role === "coder" ? 3 : 2,
    groups: role === "coder" ? 2 : 3,
    k: 16,
    heads: 6,
    headDim: 8,
    indexSource: indexSource ?? "trained",
    indexDim: 8,
    layout: layout ?? "independent",
    tier: "ref",
    kvType: "f32",
    kernels: { matmul: "fake", attention: "fake", select: "fake" },
    questionHeads: [
      { layer: 0, group: 1 },
      { layer: 1, group: 0 },
    ],
    pointerWeight: 1,
    ...(role === "coder" ? { citationToken: 5 } : {}),
    prefix: Array.from({ length: 128 }, (_, i) => 1000 + i),
    header: `${fileToken}{path}{part}\n`,
    part: " (part {k} of {n})",
    segmentPosition: 128,
    conversationPosition: 2176,
    conversationTokens: 2048,
    segmentTokens: 1920,
    contextTokens: 8192,
    bytesPerToken: 1024,
    weightsSha256: (role === "coder" ? "c" : "5").repeat(64),
    adapterSha256: (role === "coder" ? "d" : "6").repeat(64),
    chatTemplate: "fake",
  };
}
