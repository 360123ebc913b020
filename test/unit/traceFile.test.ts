import { beforeAll, describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import { AskSession } from "../../src/askSession.js";
import { askResultOf } from "../../src/trace/askResult.js";
import type { AskTrace } from "../../src/trace/askTrace.js";
import { crc32 } from "../../src/trace/crc32.js";
import { decodeTrace, encodeTrace } from "../../src/trace/traceFile.js";
import { isPathInside } from "../../src/trace/traceHeader.js";
import { SLOW_CODER, fakeParts } from "../fakes/fakeParts.js";

let trace: AskTrace;
let bytes: Uint8Array;
/** Where the records start. */
let records: number;

beforeAll(async () => {
  const asked = await new AskSession(fakeParts({ rates: SLOW_CODER })).ask(
    {
      text: "Where is `open_session` defined?",
      read: { t: "count", count: 3 },
      maxTokens: 100,
      sampling: GREEDY,
    },
    { signal: new AbortController().signal, onEvent: () => undefined },
  );
  trace = asked.trace;
  bytes = Buffer.concat([...encodeTrace(trace)]);
  records = 16 + Buffer.from(bytes).readUInt32LE(12);
});

/** The file with its JSON header changed by `edit`. */
function withHeader(edit: (header: HeaderJson) => void): Uint8Array {
  const file = Buffer.from(bytes);
  const header = JSON.parse(file.subarray(16, records).toString()) as HeaderJson;
  edit(header);
  const text = Buffer.from(JSON.stringify(header));
  const preamble = Buffer.from(file.subarray(0, 16));
  preamble.writeUInt32LE(text.length, 12);
  return Buffer.concat([preamble, text, file.subarray(records)]);
}

interface HeaderJson {
  question: unknown;
  sight: unknown;
  scouted?: unknown;
  pack: { roots: string[]; files: { path: string; firstSegment: number }[]; packId: string };
  model: {
    role: string;
    info: { k: number; sparseLayers: number; groups: number };
    table: { firstBlock: number[]; blockCount: number; startLine: number[] };
  };
}

/** The file with one record's payload changed and its checksum made right again. */
function withRecord(index: number, edit: (payload: Buffer) => void): Uint8Array {
  const file = Buffer.from(bytes);
  let at = records;
  for (let skip = 0; skip < index; skip++) at += 9 + file.readUInt32LE(at + 1);
  const end = at + 5 + file.readUInt32LE(at + 1);
  edit(file.subarray(at + 5, end));
  file.writeUInt32LE(crc32(file.subarray(at, end)), end);
  return file;
}

describe("a trace file", () => {
  it("gives back the same result, model by model and step by step", () => {
    const { trace: read, notices } = decodeTrace(bytes);
    expect(notices).toEqual([]);
    expect(askResultOf(read)).toEqual(askResultOf(trace));
    for (const role of ["coder", "scout"] as const) {
      const [was, is] = [trace.store.trace(role), read.store.trace(role)];
      expect(is.length).toBe(was.length);
      for (let at = 0; at < was.length; at++) expect(is.step(at)).toEqual(was.step(at));
    }
  });

  it("keeps which segments the scout ranked; one that does not say had them all ranked", () => {
    const some = decodeTrace(withHeader((header) => (header.scouted = [0, 1, 3]))).trace;
    expect([...some.scouted]).toEqual([0, 1, 3]);
    const { sight, files } = askResultOf(some);
    expect(sight.scouted).toBe(3);
    const last = some.pack.files.at(-1)?.path;
    expect(files.find(({ path }) => path === last)?.scoutFocus).toBeNull();
    const before = decodeTrace(withHeader((header) => delete header.scouted)).trace;
    expect(before.scouted).toHaveLength(before.pack.segments.length);
  });

  it("holds no text of a file and no absolute path", () => {
    const text = Buffer.from(bytes).toString("latin1");
    expect(text).not.toContain("raise ValueError");
    expect(text).not.toContain("/home/someone");
  });

  it("has the checksum of zlib", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    const [a, b] = [new TextEncoder().encode("1234"), new TextEncoder().encode("56789")];
    expect(crc32(b, crc32(a))).toBe(0xcbf43926);
  });
});

describe("a damaged trace file", () => {
  it("is readable up to every cut behind the header, and says what is shown", () => {
    const whole = decodeTrace(bytes).trace;
    const steps = whole.store.models.reduce((sum, model) => sum + model.length, 0);
    for (let cut = records; cut < bytes.length; cut += 997) {
      const { trace: read, notices } = decodeTrace(bytes.subarray(0, cut));
      const shown = read.store.models.reduce((sum, model) => sum + model.length, 0);
      expect(shown).toBeLessThanOrEqual(steps);
      expect(notices).toHaveLength(1);
      expect(notices[0]).toContain(`${shown} steps are shown.`);
      expect(read.stopReason).toBe("cancelled");
    }
  });

  it("is refused where it is cut inside the header", () => {
    for (let cut = 0; cut < records; cut += 101) {
      expect(() => decodeTrace(bytes.subarray(0, cut))).toThrow("The trace cannot be read");
    }
  });

  it("keeps what stands before a flipped bit", () => {
    const file = Buffer.from(bytes);
    const at = records + Math.floor((bytes.length - records) / 2);
    file[at] = (file[at] ?? 0) ^ 1;
    const { trace: read, notices } = decodeTrace(file);
    expect(notices[0]).toMatch(/damaged at byte \d+ \(a checksum does not hold\)/);
    expect(read.store.models.some(({ length }) => length > 0)).toBe(true);
  });

  it("never reads outside itself, whatever a bit says", () => {
    for (let at = 0; at < bytes.length; at += 211) {
      const file = Buffer.from(bytes);
      file[at] = (file[at] ?? 0) ^ (1 << (at % 8));
      try {
        decodeTrace(file);
      } catch (error) {
        expect(error).toMatchObject({ code: "traceCorrupt" });
      }
    }
  });
});

describe("a hostile trace file", () => {
  it.each([
    ["/etc/passwd"],
    ["../secret"],
    ["a/../../b"],
    ["\\\\server\\share"],
    ["C:/windows"],
    ["c:evil"],
    ["a//b"],
    ["./a"],
    [""],
    ["a\0b"],
    ["..\\up"],
  ])("is refused for the path %j", (path) => {
    expect(isPathInside(path)).toBe(false);
    const file = withHeader(({ pack }) => {
      const [first] = pack.files;
      if (first) first.path = path;
    });
    expect(() => decodeTrace(file)).toThrow("path is not a path inside the repository");
  });

  it("may name files as people do", () => {
    for (const path of ["a", ".github/x.yml", "a b/c d.py", "..a/b..", "日本/語.py"]) {
      expect(isPathInside(path)).toBe(true);
    }
  });

  it.each<[string, (header: HeaderJson) => void]>([
    ["files that overlap", ({ pack }) => void (pack.files.length = 2)],
    ["blocks beyond the table", ({ model }) => void (model.table.blockCount = 1e6)],
    ["blocks out of order", ({ model }) => void model.table.firstBlock.reverse()],
    ["a line table of another size", ({ model }) => void model.table.startLine.pop()],
    ["a model of a billion lanes", ({ model }) => void (model.info.sparseLayers = 1e9)],
    [
      "lanes whose product is too large",
      ({ model }) => {
        model.info.sparseLayers = 65_536;
        model.info.groups = 65_536;
      },
    ],
    ["a fraction for a count", ({ model }) => void (model.info.k = 1.5)],
    ["a segment in sight that is not there", (header) => void (header.sight = [999])],
    ["a question that is no text", (header) => void (header.question = { length: 1e9 })],
    ["a role of its own", ({ model }) => void (model.role = "constructor")],
    ["two models of one role", ({ model }) => void (model.role = "scout")],
    ["a pack id that is no hash", ({ pack }) => void (pack.packId = "x")],
  ])("is refused for %s", (_, edit) => {
    expect(() => decodeTrace(withHeader(edit))).toThrow("The trace cannot be read");
  });

  it("is refused for a header longer than the file", () => {
    const file = Buffer.from(bytes);
    file.writeUInt32LE(0xffff_ffff, 12);
    expect(() => decodeTrace(file)).toThrow("its header of 4294967295 bytes is not all there");
  });

  it("is refused for a later version, which is named", () => {
    const file = Buffer.from(bytes);
    file.writeUInt32LE(2, 8);
    expect(() => decodeTrace(file)).toThrow("it has version 2");
  });

  it.each<[string, (payload: Buffer) => void]>([
    ["a model that is not there", (payload) => void (payload[0] = 7)],
    ["a kind that is not there", (payload) => void (payload[1] = 7)],
    ["bytes that take the place of blocks", (payload) => void payload.writeUInt16LE(60_000, 2)],
    ["a mass that is not a number", (payload) => void payload.fill(0xff, payload.length - 4)],
  ])("ends at a step with %s", (_, edit) => {
    const { notices, trace: read } = decodeTrace(withRecord(3, edit));
    expect(notices[0]).toContain("3 steps are shown.");
    expect(read.store.models.reduce((sum, { length }) => sum + length, 0)).toBe(3);
  });

  it("may name blocks that no pack has: they are of no file", () => {
    const file = withRecord(0, (payload) => void payload.fill(0xee, 40, 80));
    expect(() => askResultOf(decodeTrace(file).trace)).not.toThrow();
  });

  it("does not reach the prototype of anything through its names", () => {
    const file = withHeader((header) => {
      const model = header.model as unknown as { info: { kernels: unknown } };
      model.info.kernels = JSON.parse('{"__proto__": "polluted", "matmul": "x"}') as unknown;
    });
    decodeTrace(file);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(Object.prototype.toString.call({})).toBe("[object Object]");
  });
});
