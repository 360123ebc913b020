/** Four linked panels over one trace: tokens, sources, timeline, lens; and the chosen block's text. */
import { useEffect, useMemo, useReducer, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { Host } from "../host.js";
import { t } from "../l10n.js";
import { Button } from "../ui/controls.js";
import { Compare } from "./Compare.js";
import { connectEvidence, type EvidenceClient } from "./evidenceClient.js";
import { Header } from "./Header.js";
import { Heatmap } from "./Heatmap.js";
import { Lens } from "./Lens.js";
import { Preview } from "./Preview.js";
import { Sources } from "./Sources.js";
import { filterOf, INITIAL, lensTarget, pinFilter, reduce, type EvidenceState } from "./store.js";
import { spanSummary } from "./summary.js";
import { TokenStrip } from "./TokenStrip.js";
import { useQuery } from "./useQuery.js";

/** Only choices are kept, never data; a file index is of the same trace or is dropped on opening. */
type Kept = Pick<EvidenceState, "measure" | "sort" | "view" | "showForced">;

function restored(host: Host): EvidenceState {
  const kept = host.load();
  if (typeof kept !== "object" || kept === null) return INITIAL;
  const { measure, sort, view, showForced } = { ...INITIAL, ...(kept as Partial<Kept>) };
  return { ...INITIAL, measure, sort, view, showForced };
}

export function EvidenceView({ host }: { readonly host: Host }): JSX.Element {
  const [state, dispatch] = useReducer(reduce, host, restored);
  const [client, setClient] = useState<EvidenceClient>();
  const [failure, setFailure] = useState("");

  useEffect(() => {
    const open = (reset: boolean): void => {
      connected.request("open", undefined).then(
        (meta) => dispatch({ t: "opened", meta, reset }),
        (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
      );
    };
    const connected = connectEvidence(host, ({ reset }) => open(reset));
    setClient(connected);
    open(true);
    return () => connected.dispose();
  }, [host]);

  useEffect(() => {
    if (state.meta === undefined) return;
    const { measure, sort, view, showForced } = state;
    host.save({ measure, sort, view, showForced, source: state.meta.source });
  }, [host, state.measure, state.sort, state.view, state.showForced, state.meta?.source]);

  const { meta } = state;
  const filter = useMemo(() => filterOf(state), [state.model, state.span, state.lanes, meta]);
  const key = `${meta?.models.map(({ steps }) => steps.length).join() ?? ""}|${filter.model}|${filter.span.from}-${filter.span.to}|${filter.lanes?.join() ?? ""}`;
  const isReady = client !== undefined && meta !== undefined;
  const reads = useQuery(key, isReady ? () => client.request("files", filter) : undefined);
  const target = lensTarget(state);
  const lens = useQuery(
    `${key}|${JSON.stringify(target)}`,
    isReady ? () => client.request("lens", { ...filter, target }) : undefined,
  );
  const { file } = state;
  const blocks = useQuery(
    `${key}|${file ?? ""}`,
    isReady && file !== undefined ? () => client.request("blocks", { ...filter, file }) : undefined,
  );

  if (failure !== "") {
    return (
      <main class="evidence-empty">
        <h1>{t("This trace cannot be shown")}</h1>
        <p>{failure}</p>
      </main>
    );
  }
  if (!isReady) return <main class="evidence" aria-busy="true" />;
  const [first, second] = state.pins;
  return (
    <main
      class="evidence"
      onKeyDown={(event) => {
        if (event.key === "Escape") dispatch({ t: "clear" });
      }}
    >
      <Header state={state} dispatch={dispatch} client={client} filter={filter} />
      {meta.notices.map((notice) => (
        <p key={notice} class="notice" role="status">
          {notice}
        </p>
      ))}
      <TokenStrip state={state} dispatch={dispatch} />
      <p class="span-summary" aria-live="polite">
        <span>{spanSummary(state, reads)}</span>
        {state.span === undefined && state.lanes === undefined && file === undefined ? null : (
          <Button onPress={() => dispatch({ t: "clear" })}>{t("Clear")}</Button>
        )}
        <Button onPress={() => dispatch({ t: "pin" })}>{t("Pin")}</Button>
      </p>
      <div class="panels">
        {first !== undefined && second !== undefined ? (
          <Compare
            state={state}
            first={first}
            second={second}
            ask={(pin) => client.request("files", pinFilter(pin))}
            dispatch={dispatch}
          />
        ) : (
          <Sources state={state} reads={reads} dispatch={dispatch} client={client} />
        )}
        <div class="right">
          <Heatmap state={state} reads={reads} dispatch={dispatch} client={client} />
          <div class="lower">
            <Lens state={state} lens={lens} dispatch={dispatch} />
            <Preview
              state={state}
              blocks={file === undefined ? undefined : blocks}
              dispatch={dispatch}
              client={client}
            />
          </div>
        </div>
      </div>
    </main>
  );
}
