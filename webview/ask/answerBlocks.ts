/** Answer text -> blocks and pieces. Pure; offsets are UTF-16 units of the whole answer. */
import type { AnswerLink } from "../../src/shared/messages.js";

export type Piece =
  | { readonly kind: "text" | "strong" | "code" | "unknown"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly link: AnswerLink };

export type AnswerBlock =
  | { readonly kind: "paragraph" | "heading"; readonly pieces: readonly Piece[] }
  | { readonly kind: "code"; readonly text: string }
  | {
      readonly kind: "list";
      readonly ordered: boolean;
      readonly items: readonly (readonly Piece[])[];
    };

interface Line {
  readonly at: number;
  readonly text: string;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

type Mark = Range & { readonly link?: AnswerLink };

export function answerBlocks(
  answer: string,
  links: readonly AnswerLink[],
  unknown: readonly Range[],
): readonly AnswerBlock[] {
  const marks: Mark[] = [
    ...links.map((link) => ({ start: link.start, end: link.end, link })),
    ...unknown,
  ];
  marks.sort((a, b) => a.start - b.start);
  const piecesOf = (lines: readonly Line[], cut = 0): readonly Piece[] =>
    lines.flatMap((line, index) => {
      const pieces = inline(
        line.at + (index === 0 ? cut : 0),
        line.text.slice(index === 0 ? cut : 0),
        marks,
      );
      return index === 0 ? pieces : [{ kind: "text", text: "\n" } as const, ...pieces];
    });

  const blocks: AnswerBlock[] = [];
  let paragraph: Line[] = [];
  const endParagraph = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", pieces: piecesOf(paragraph) });
    paragraph = [];
  };

  const lines = linesOf(answer);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as Line;
    const fence = /^\s*(```+|~~~+)/.exec(line.text);
    if (fence?.[1] !== undefined) {
      endParagraph();
      const body: string[] = [];
      // An answer that still streams has no closing fence yet.
      for (i++; i < lines.length && !lines[i]?.text.trimStart().startsWith(fence[1]); i++) {
        body.push((lines[i] as Line).text);
      }
      blocks.push({ kind: "code", text: body.join("\n") });
      continue;
    }
    const heading = /^#{1,6} +/.exec(line.text);
    if (heading !== null) {
      endParagraph();
      blocks.push({ kind: "heading", pieces: piecesOf([line], heading[0].length) });
      continue;
    }
    const item = /^\s*([-*+]|\d{1,3}[.)])\s+/.exec(line.text);
    if (item?.[1] !== undefined) {
      endParagraph();
      const ordered = /\d/.test(item[1]);
      const last = blocks.at(-1);
      const pieces = piecesOf([line], item[0].length);
      if (last?.kind === "list" && last.ordered === ordered && lines[i - 1]?.text.trim() !== "") {
        blocks[blocks.length - 1] = { ...last, items: [...last.items, pieces] };
      } else blocks.push({ kind: "list", ordered, items: [pieces] });
      continue;
    }
    if (line.text.trim() === "") endParagraph();
    else paragraph.push(line);
  }
  endParagraph();
  return blocks;
}

function linesOf(answer: string): Line[] {
  let at = 0;
  return answer.split("\n").map((text) => {
    const line = { at, text };
    at += text.length + 1;
    return line;
  });
}

/** Links first, since their places are known; `code` and **strong** in what lies between. */
function inline(at: number, text: string, marks: readonly Mark[]): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const { start, end, link } of marks) {
    const a = start - at;
    const b = end - at;
    if (a < from || b > text.length || a >= b) continue;
    // A path in backticks is a link and needs no code style as well.
    const isQuoted = text[a - 1] === "`" && text[b] === "`";
    pieces.push(...styled(text.slice(from, isQuoted ? a - 1 : a)));
    const inner = text.slice(a, b);
    pieces.push(
      link === undefined ? { kind: "unknown", text: inner } : { kind: "link", text: inner, link },
    );
    from = isQuoted ? b + 1 : b;
  }
  pieces.push(...styled(text.slice(from)));
  return pieces;
}

function styled(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*/g)) {
    if (match.index > from) pieces.push({ kind: "text", text: text.slice(from, match.index) });
    pieces.push(
      match[1] === undefined
        ? { kind: "strong", text: match[2] ?? "" }
        : { kind: "code", text: match[1] },
    );
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
  return pieces;
}
