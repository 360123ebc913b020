/**
 * The answer as text: paragraphs, lists, code, and links to the lines that were read. A deliberately
 * small part of Markdown; HTML, images and links of the model's own stay the characters they are.
 */
import type { JSX } from "preact";
import type { AnswerLink, AskTurn } from "../../src/shared/messages.js";
import { t } from "../l10n.js";
import { InlineLink } from "../ui/controls.js";
import { safeText } from "../ui/safeText.js";
import { answerBlocks, type Piece } from "./answerBlocks.js";
import type { AskClient } from "./askClient.js";

export function AnswerText(props: {
  readonly turn: AskTurn;
  readonly channel: AskClient;
}): JSX.Element {
  const { turn, channel } = props;
  const blocks = answerBlocks(turn.answer, turn.links, turn.unknownPaths);
  const pieces = (list: readonly Piece[]): JSX.Element[] =>
    list.map((piece, index) => <PieceView key={index} piece={piece} channel={channel} />);
  return (
    <>
      {blocks.map((block, index) => {
        switch (block.kind) {
          case "paragraph":
            return <p key={index}>{pieces(block.pieces)}</p>;
          case "heading":
            return (
              <p key={index} class="answer-heading">
                {pieces(block.pieces)}
              </p>
            );
          case "code":
            return (
              <pre key={index} tabIndex={0} aria-label={t("Code")}>
                <code>{safeText(block.text, true)}</code>
              </pre>
            );
          case "list":
            return block.ordered ? (
              <ol key={index}>
                {block.items.map((item, i) => (
                  <li key={i}>{pieces(item)}</li>
                ))}
              </ol>
            ) : (
              <ul key={index}>
                {block.items.map((item, i) => (
                  <li key={i}>{pieces(item)}</li>
                ))}
              </ul>
            );
        }
      })}
    </>
  );
}

function PieceView(props: { readonly piece: Piece; readonly channel: AskClient }): JSX.Element {
  const { piece, channel } = props;
  switch (piece.kind) {
    case "text":
      return <>{safeText(piece.text, true)}</>;
    case "strong":
      return <strong>{safeText(piece.text)}</strong>;
    case "code":
      return <code>{safeText(piece.text)}</code>;
    case "unknown":
      return (
        <span class="unknown-path" title={t("Not in this repository")}>
          {safeText(piece.text)}
          <span class="visually-hidden">{t("(not in this repository)")}</span>
        </span>
      );
    case "link":
      return (
        <InlineLink
          className={piece.link.kind}
          title={linkTitle(piece.link)}
          onPress={() => void channel.request("open", piece.link)}
        >
          {safeText(piece.text)}
        </InlineLink>
      );
  }
}

function linkTitle(link: AnswerLink): string {
  const where = `${safeText(link.path)}:${link.startLine}–${link.endLine}`;
  return link.kind === "citation" ? t("Cited: {0}", where) : t("Named by the model: {0}", where);
}
