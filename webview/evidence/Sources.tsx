/** What was read, by file: as a list with bars, as a treemap of the repository, or as a table. */
import { useMemo, useRef } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type { FileReads } from "../../src/shared/evidence.js";
import { t } from "../l10n.js";
import { Bar } from "../ui/Bar.js";
import { Select } from "../ui/controls.js";
import { safeText, shortPath } from "../ui/safeText.js";
import { VirtualList } from "../ui/VirtualList.js";
import type { EvidenceClient } from "./evidenceClient.js";
import { measureText, rankedFiles, type RankedFile } from "./rankedFiles.js";
import {
  effectiveSort,
  type EvidenceAction,
  type EvidenceState,
  type SortKey,
  type SourcesView,
} from "./store.js";
import { TableTwin } from "./TableTwin.js";
import { Treemap } from "./Treemap.js";

const ROW_PIXELS = 34;

export function Sources(props: {
  readonly state: EvidenceState;
  readonly reads: FileReads | undefined;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly client: EvidenceClient;
}): JSX.Element {
  const { state, reads, dispatch, client } = props;
  const sort = effectiveSort(state);
  const files = state.meta?.files;
  const ranked = useMemo(() => rankedFiles(files ?? [], reads, sort), [files, reads, sort]);
  const latest = useRef(state);
  latest.current = state;
  const open = (file: RankedFile): void => {
    void client
      .request("blocks", { ...filterAll(latest.current), file: file.file })
      .then(({ blocks }) => {
        const best = blocks.reduce(
          (a, b) => (b.focus > a.focus ? b : a),
          blocks[0] ?? NO_BLOCK_READ,
        );
        const startLine = Math.max(1, best.startLine);
        return client.request("reveal", {
          file: file.file,
          startLine,
          endLine: Math.max(1, best.endLine),
        });
      });
  };
  // A frame of a brush changes the span at once and the numbers a little later: drawn with them only.
  const list = useMemo(
    () =>
      state.view === "list" ? (
        <FileList ranked={ranked} sort={sort} state={state} dispatch={dispatch} onOpen={open} />
      ) : state.view === "treemap" ? (
        <Treemap ranked={ranked} sort={sort} state={state} dispatch={dispatch} onOpen={open} />
      ) : (
        <TableTwin ranked={ranked} state={state} dispatch={dispatch} onOpen={open} />
      ),
    [ranked, sort, state.view, state.file, files],
  );
  return (
    <section class="panel sources" aria-labelledby="sources-title">
      <div class="panel-head">
        <h2 id="sources-title">{t("Sources")}</h2>
        <Select
          label={t("By")}
          value={sort}
          options={sortKeys(state)}
          onChange={(key) => dispatch({ t: "sort", sort: key })}
        />
        <Select
          label={t("As")}
          value={state.view}
          options={views()}
          onChange={(view) => dispatch({ t: "view", view })}
        />
      </div>
      {list}
    </section>
  );
}

const NO_BLOCK_READ = { focus: 0, startLine: 1, endLine: 1 };

function filterAll(state: EvidenceState): {
  readonly model: EvidenceState["model"];
  readonly span: { readonly from: number; readonly to: number };
  readonly lanes: undefined;
} {
  const span = state.span ?? { from: 0, to: Number.MAX_SAFE_INTEGER };
  return { model: state.model, span, lanes: undefined };
}

function sortKeys(state: EvidenceState): { value: SortKey; label: string }[] {
  const keys: { value: SortKey; label: string }[] = [
    { value: "mass", label: t("Mass") },
    { value: "share", label: t("Share") },
    { value: "lift", label: t("Lift") },
  ];
  // Focus belongs to the whole question; it has no value for a span or for some lanes.
  if (state.span === undefined && state.lanes === undefined) {
    keys.unshift({ value: "focus", label: t("Focus") });
  }
  return keys;
}

function views(): { value: SourcesView; label: string }[] {
  return [
    { value: "list", label: t("List") },
    { value: "treemap", label: t("Treemap") },
    { value: "table", label: t("Table") },
  ];
}

function FileList(props: {
  readonly ranked: readonly RankedFile[];
  readonly sort: SortKey;
  readonly state: EvidenceState;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly onOpen: (file: RankedFile) => void;
}): JSX.Element {
  const { ranked, sort, state, dispatch } = props;
  const most = Math.max(...ranked.map((file) => file[sort]), 1e-9);
  const mostScout = Math.max(...ranked.map((file) => file.scoutFocus ?? 0), 1e-9);
  const active = ranked.findIndex(({ file }) => file === state.file);
  return (
    <VirtualList
      count={ranked.length}
      rowHeight={ROW_PIXELS}
      label={t("Files, most read first")}
      active={active}
      onMove={(at) => dispatch({ t: "file", file: ranked[at]?.file })}
      onEnter={() => {
        const file = ranked[active];
        if (file !== undefined) props.onOpen(file);
      }}
      row={(at) => {
        const file = ranked[at];
        if (file === undefined) return null;
        const { scoutFocus } = file;
        return (
          <div class={`source ${file.inSight ? "" : "unseen"}`}>
            <span class="source-path" title={safeText(file.path)}>
              {shortPath(file.path, 52)}
              {file.changed ? <span class="changed"> {t("changed since read")}</span> : null}
            </span>
            <span class="source-value">
              {file.inSight ? measureText(file, sort) : t("not in sight")}
            </span>
            <Bar
              value={file[sort] / most}
              {...(scoutFocus === undefined || sort !== "focus"
                ? {}
                : { second: scoutFocus / mostScout })}
            />
          </div>
        );
      }}
    />
  );
}
