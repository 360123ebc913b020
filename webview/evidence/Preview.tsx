/** The chosen file's blocks by what was read of them, and the text of the chosen one. */
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type { BlockReads } from "../../src/shared/evidence.js";
import { decimal, t } from "../l10n.js";
import { Bar } from "../ui/Bar.js";
import { Button, TextLink } from "../ui/controls.js";
import { safeText, shortPath } from "../ui/safeText.js";
import type { EvidenceClient } from "./evidenceClient.js";
import type { EvidenceAction, EvidenceState } from "./store.js";
import { nameOf } from "./summary.js";
import { useQuery } from "./useQuery.js";

const BLOCKS_LISTED = 60;

type Block = BlockReads["blocks"][number];

export function Preview(props: {
  readonly state: EvidenceState;
  readonly blocks: BlockReads | undefined;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly client: EvidenceClient;
}): JSX.Element {
  const { state, blocks, dispatch, client } = props;
  const { file, meta } = state;
  const read = (blocks?.blocks ?? []).filter(({ selections }) => selections > 0);
  // The question's focus finds the lines; for a chosen span or lanes it is their mass.
  const isWhole = state.span === undefined && state.lanes === undefined;
  const valueOf = ({ focus, mass }: Block): number => (isWhole ? focus : mass);
  const ranked = read.toSorted((a, b) => valueOf(b) - valueOf(a) || b.mass - a.mass);
  const chosen = blocks?.blocks.find(({ block }) => block === state.block) ?? ranked[0];
  const canRead = meta?.hasFiles === true && file !== undefined && chosen !== undefined;
  const preview = useQuery(
    `${file ?? ""}|${chosen?.block ?? ""}`,
    canRead ? () => client.request("preview", { file, block: chosen.block }) : undefined,
  );
  const reveal = (block: Block): void => {
    if (file === undefined) return;
    const startLine = Math.max(1, block.startLine);
    const endLine = Math.max(1, block.endLine);
    void client.request("reveal", { file, startLine, endLine });
  };
  if (file === undefined) {
    return (
      <section class="panel preview" aria-labelledby="preview-title">
        <div class="panel-head">
          <h2 id="preview-title">{t("Blocks")}</h2>
        </div>
        <p class="note">{t("Choose a file to see which of its blocks were read.")}</p>
      </section>
    );
  }
  const most = Math.max(...ranked.map(valueOf), 1e-9);
  return (
    <section class="panel preview" aria-labelledby="preview-title">
      <div class="panel-head">
        <h2 id="preview-title">{shortPath(nameOf(meta?.files ?? [], file), 36)}</h2>
        {meta?.hasFiles === true && chosen !== undefined ? (
          <Button onPress={() => reveal(chosen)}>{t("Open")}</Button>
        ) : null}
      </div>
      {ranked.length === 0 ? (
        <p class="note">{t("No block of this file was read by these tokens.")}</p>
      ) : null}
      <ul
        class="plain block-list"
        aria-label={
          isWhole ? t("Blocks read, most focus first") : t("Blocks read, most mass first")
        }
      >
        {ranked.slice(0, BLOCKS_LISTED).map((block) => (
          <li key={block.block} class={block === chosen ? "active" : ""}>
            <TextLink
              label={t(
                "Lines {0} to {1}, mass {2}",
                block.startLine,
                block.endLine,
                decimal(block.mass, 3),
              )}
              onPress={() => {
                if (state.block === block.block) reveal(block);
                else dispatch({ t: "block", block: block.block });
              }}
            >
              {block.startLine === 0 ? t("header") : `${block.startLine}–${block.endLine}`}
            </TextLink>
            <span class="block-symbols">
              {block.symbols.map((symbol) => safeText(symbol)).join(", ")}
            </span>
            <span class="source-value">{decimal(valueOf(block), 3)}</span>
            <Bar value={valueOf(block) / most} />
          </li>
        ))}
      </ul>
      {preview === undefined || !canRead ? null : (
        <>
          {preview.changed ? (
            <p class="note changed">{t("This file has changed since it was read.")}</p>
          ) : null}
          <pre class="block-text" tabIndex={0} aria-label={t("Text of the block")}>
            {preview.lines.map((line, at) => {
              const number = preview.firstLine + at;
              const isIn = number >= preview.startLine && number <= preview.endLine;
              return (
                <div key={number} class={isIn ? "in" : ""}>
                  <span class="line-number" aria-hidden="true">
                    {number}
                  </span>
                  <code>{safeText(line)}</code>
                </div>
              );
            })}
          </pre>
        </>
      )}
    </section>
  );
}
