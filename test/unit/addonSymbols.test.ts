/**
 * What the addon asks of the system that loads it: nothing newer than glibc 2.34 and the libstdc++ of
 * its time (GCC 11), so that it loads wherever VS Code's remote server runs today. Read from the ELF
 * file itself, so that the check needs no tools.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const addon = path.resolve(import.meta.dirname, "../../dist/native/linux-x64/blocksight.node");

const NEWEST: Readonly<Record<string, readonly number[]>> = {
  GLIBC: [2, 34],
  GLIBCXX: [3, 4, 29],
  CXXABI: [1, 3, 13],
  GCC: [11, 0, 0],
};

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** A 64-bit little-endian ELF file's dynamic symbols and the versions it needs. */
class ElfFile {
  private readonly sections: readonly Section[];

  constructor(private readonly data: Buffer) {
    if (data.readUInt32BE(0) !== 0x7f454c46 || data.readUInt8(4) !== 2) {
      throw new Error("This is no 64-bit ELF file.");
    }
    const start = Number(data.readBigUInt64LE(40));
    const entryBytes = data.readUInt16LE(58);
    this.sections = Array.from({ length: data.readUInt16LE(60) }, (_, i) => {
      const at = start + i * entryBytes;
      return {
        type: data.readUInt32LE(at + 4),
        offset: Number(data.readBigUInt64LE(at + 24)),
        size: Number(data.readBigUInt64LE(at + 32)),
        link: data.readUInt32LE(at + 40),
      };
    });
  }

  private section(type: number): Section {
    const found = this.sections.find((section) => section.type === type);
    if (found === undefined) throw new Error(`There is no section of type ${type}.`);
    return found;
  }

  private text(section: Section, offset: number): string {
    const start = (this.sections[section.link]?.offset ?? 0) + offset;
    return this.data.toString("latin1", start, this.data.indexOf(0, start));
  }

  /** "GLIBC_2.34" and the like, from .gnu.version_r. */
  get neededVersions(): readonly string[] {
    const section = this.section(0x6ffffffe);
    const versions: string[] = [];
    let at = section.offset;
    for (;;) {
      let entry = at + this.data.readUInt32LE(at + 8);
      for (let i = this.data.readUInt16LE(at + 2); i > 0; i--) {
        versions.push(this.text(section, this.data.readUInt32LE(entry + 8)));
        entry += this.data.readUInt32LE(entry + 12);
      }
      const next = this.data.readUInt32LE(at + 12);
      if (next === 0) return versions;
      at += next;
    }
  }

  /** Names in .dynsym that this file defines itself, or those that it wants from others. */
  dynamicSymbols(which: "defined" | "undefined"): readonly string[] {
    const section = this.section(11);
    const names: string[] = [];
    for (let at = section.offset + 24; at < section.offset + section.size; at += 24) {
      const isDefined = this.data.readUInt16LE(at + 6) !== 0;
      if (isDefined === (which === "defined")) {
        names.push(this.text(section, this.data.readUInt32LE(at)));
      }
    }
    return names;
  }
}

function isNewer(version: string): boolean {
  const [library = "", numbers = ""] = version.split("_");
  const newest = NEWEST[library];
  if (newest === undefined) return true;
  const wanted = numbers.split(".").map(Number);
  for (const [i, most] of newest.entries()) {
    const number = wanted[i] ?? 0;
    if (number !== most) return number > most;
  }
  return wanted.length > newest.length;
}

describe("version comparison of this test", () => {
  it.each([
    ["GLIBC_2.34", false],
    ["GLIBC_2.35", true],
    ["GLIBC_2.2.5", false],
    ["GLIBCXX_3.4.29", false],
    ["GLIBCXX_3.4.30", true],
    ["GCC_3.0", false],
    ["OPENSSL_3.0.0", true],
  ])("says of %s whether it is too new: %s", (version, expected) => {
    expect(isNewer(version)).toBe(expected);
  });
});

describe.skipIf(!existsSync(addon))("the addon for linux-x64", () => {
  const elf = existsSync(addon) ? new ElfFile(readFileSync(addon)) : undefined;

  it("needs no system library newer than glibc 2.34 and what came with it", () => {
    const versions = elf?.neededVersions ?? [];
    expect(versions).toContain("GLIBC_2.34");
    expect(versions.filter(isNewer)).toEqual([]);
  });

  it("exports only what Node looks for", () => {
    expect([...(elf?.dynamicSymbols("defined") ?? [])].sort()).toEqual([
      "napi_register_module_v1",
      "node_api_module_get_api_version_v1",
    ]);
  });

  it("lacks nothing of the engine: every undefined symbol is Node's or the system's", () => {
    const missing = elf?.dynamicSymbols("undefined") ?? [];
    expect(missing).toContain("napi_create_threadsafe_function");
    expect(missing.filter((name) => name.startsWith("bs_"))).toEqual([]);
  });
});
