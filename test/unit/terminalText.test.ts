import { describe, expect, it } from "vitest";
import { escapeLine, escapeText } from "../../src/cli/escapeText.js";
import { formatBar, formatDuration, formatNoun, formatPercent } from "../../src/cli/format.js";
import { jsonText } from "../../src/cli/jsonText.js";
import { cutEnd, cutStart, padStart, textWidth } from "../../src/cli/textWidth.js";

describe("escaping", () => {
  it("leaves plain text and letters of all scripts alone", () => {
    const text = "def f(x):\n\treturn 'naïve 日本 🙂 مرحبا'\n";
    expect(escapeText(text)).toBe(text);
  });

  it.each([
    ["\u001b[2J", "\\x1b[2J"],
    ["\u009b31m", "\\x9b31m"],
    ["a\rb", "a\\x0db"],
    ["\u0007", "\\x07"],
    ["\u202eexe.txt", "\\u{202e}exe.txt"],
    ["\u2066", "\\u{2066}"],
    ["zero\u200bwidth", "zero\\u{200b}width"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\ud800", "\\u{d800}"],
  ])("shows %j as text", (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  it("keeps a name on its line", () => {
    expect(escapeLine("a\nb\tc\rd")).toBe("a\\nb\\tc\\rd");
  });

  it("takes a carriage return before a newline for the line end that it is", () => {
    expect(escapeText("a\r\nb")).toBe("a\nb");
  });

  it("does not change what a JSON object says", () => {
    const value = { text: "\u202e\u2028\u007f\u{e0041} ok" };
    expect(JSON.parse(jsonText(value))).toEqual(value);
    expect(jsonText(value)).toMatch(/^[\x20-\x7e\n]*$/);
  });
});

describe("columns", () => {
  it("count wide characters twice and marks not at all", () => {
    expect(textWidth("abc")).toBe(3);
    expect(textWidth("日本")).toBe(4);
    expect(textWidth("e\u0301")).toBe(1);
  });

  it("are kept when a path is cut at its start and a name at its end", () => {
    expect(cutStart("src/very/long/path.py", 10)).toBe("…g/path.py");
    expect(cutEnd("a_very_long_name", 8)).toBe("a_very_…");
    expect(textWidth(cutStart("日本日本日本", 6))).toBeLessThanOrEqual(6);
    expect(cutEnd("short", 8)).toBe("short");
    expect(padStart("日", 4)).toBe("  日");
  });
});

describe("colored text", () => {
  const text = "ab \u001b[2mcdefgh\u001b[22m ij";

  it("takes the columns of what is seen", () => {
    expect(textWidth(text)).toBe(12);
    expect(cutEnd(text, 12)).toBe(text);
  });

  it("is never cut inside an escape sequence, and its colors end", () => {
    for (let columns = 1; columns < 12; columns++) {
      const cut = cutEnd(text, columns);
      expect(textWidth(cut)).toBeLessThanOrEqual(columns);
      expect(cut.match(/\u001b\[\d+m/g)).toEqual(["\u001b[2m", "\u001b[22m"]);
      expect(cut.split("…")).toHaveLength(2);
    }
    expect(cutEnd(text, 6)).toBe("ab \u001b[2mcd…\u001b[22m");
  });
});

describe("numbers", () => {
  it.each([
    [0, "0.0 s"],
    [9_940, "9.9 s"],
    [9_960, "10 s"],
    [59_600, "1 min"],
    [125_000, "2 min 5 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
  ])("%i ms are %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("have words that agree", () => {
    expect(formatNoun(1, "file")).toBe("1 file");
    expect(formatNoun(12_345, "token")).toBe("12,345 tokens");
    expect(formatPercent(0.0123)).toBe("1.2 %");
    expect(formatPercent(0.5)).toBe("50 %");
  });

  it("fill a bar by eighths, and show a sliver of anything above nothing", () => {
    expect(formatBar(1, 4)).toBe("████");
    expect(formatBar(0.5, 4)).toBe("██  ");
    expect(formatBar(0.0001, 4)).toBe("▏   ");
    expect(formatBar(0, 4)).toBe("    ");
  });
});
