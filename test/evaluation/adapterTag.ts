import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ModelRole } from "../../src/shared/model.js";

/** The first hex digits of the shipped adapters' hashes: a new adapter is measured anew. */
export function adapterTag(roles: readonly ModelRole[]): string {
  return roles
    .map((role) => readFileSync(`media/models/${role}.safetensors`))
    .map((bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 8))
    .join("+");
}
