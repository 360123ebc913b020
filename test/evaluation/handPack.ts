/** The pack of a repository that questions of test/eval are about; no model is opened. */
import path from "node:path";
import type { ConnectedParts } from "../../src/ask/askParts.js";
import { parseAskArguments } from "../../src/cli/askArguments.js";
import type { CommandContext } from "../../src/cli/commandContext.js";
import { connectTo } from "../../src/cli/connect.js";
import type { Pack } from "../../src/shared/pack.js";
import { COPIES, SOURCES } from "./handQuestions.js";

/** `options` are those of `ask` that go before the repository's. */
export function connectHand(
  options: readonly string[],
  { folder, language }: { readonly folder: string; readonly language: string },
  context: CommandContext,
): Promise<ConnectedParts> {
  const globs = [
    ...(SOURCES[language] ?? []).flatMap((glob) => ["--include", glob]),
    ...COPIES.flatMap((glob) => ["--exclude", glob]),
  ];
  const args = [...options, "--repo", folder, ...globs, "evaluation"];
  return connectTo(path.resolve("dist"))(parseAskArguments(args), context);
}

export async function packOf(parts: ConnectedParts, { signal }: CommandContext): Promise<Pack> {
  const models = await parts.models(await parts.engine.request("hello", undefined));
  const { engine } = parts;
  const none = { infos: Promise.resolve([]), onProgress: () => undefined };
  return parts.pack({ models, engine, signal, ...none });
}
