import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const folder = path.join(import.meta.dirname, "../../media/models");

describe.each(["coder", "scout"])("the card of %s", (name) => {
  const card = readFileSync(path.join(folder, `${name}.md`), "utf8");

  it.each([`${name}.safetensors`, `${name}.tokenizer.gguf`])(
    "names size and hash of %s",
    (file) => {
      const bytes = readFileSync(path.join(folder, file));
      expect(card).toContain(`${bytes.length.toLocaleString("en-US")} bytes`);
      expect(card).toContain(createHash("sha256").update(bytes).digest("hex"));
    },
  );

  it("names the base that the adapter was made for", () => {
    const adapter = readFileSync(path.join(folder, `${name}.safetensors`));
    const header = adapter.toString("utf8", 8, 8 + Number(adapter.readBigUInt64LE(0)));
    const { blocksight } = (JSON.parse(header) as { __metadata__: { blocksight: string } })
      .__metadata__;
    const { base } = JSON.parse(blocksight) as { base: { file: string; sha256: string } };
    expect(card).toContain(base.file);
    expect(card).toContain(base.sha256);
  });
});
