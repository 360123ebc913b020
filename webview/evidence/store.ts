/** The evidence view's state: a pure reducer over what the reader does. Numbers are asked for. */
import type {
  EvidenceMeta,
  EvidenceModel,
  Filter,
  HeatMeasure,
  LensTarget,
  Span,
} from "../../src/shared/evidence.js";
import type { ModelRole } from "../../src/shared/model.js";

export type SortKey = "focus" | "mass" | "share" | "lift";
export type SourcesView = "list" | "treemap" | "table";

export interface Pin {
  readonly model: ModelRole;
  readonly span: Span;
  readonly lanes: readonly number[] | undefined;
}

export interface EvidenceState {
  readonly meta: EvidenceMeta | undefined;
  readonly model: ModelRole;
  /** Chosen steps; undefined: all. */
  readonly span: Span | undefined;
  /** Where a Shift-click or a brush started. */
  readonly anchor: number;
  /** The step under the keyboard. */
  readonly cursor: number;
  /** Chosen lanes, ascending; undefined: all. */
  readonly lanes: readonly number[] | undefined;
  readonly measure: HeatMeasure;
  readonly sort: SortKey;
  readonly view: SourcesView;
  /** The file whose blocks are shown. */
  readonly file: number | undefined;
  readonly block: number | undefined;
  readonly showForced: boolean;
  /** Up to two spans to compare. */
  readonly pins: readonly Pin[];
}

export type EvidenceAction =
  | { readonly t: "opened"; readonly meta: EvidenceMeta; readonly reset: boolean }
  | { readonly t: "model"; readonly model: ModelRole }
  /** Starts a span at a step, or extends the one that was started. */
  | { readonly t: "pick"; readonly step: number; readonly extend: boolean }
  | { readonly t: "span"; readonly span: Span | undefined }
  | { readonly t: "move"; readonly by: number; readonly extend: boolean }
  | { readonly t: "lane"; readonly lane: number; readonly add: boolean }
  | { readonly t: "lanes"; readonly lanes: readonly number[] | undefined }
  | { readonly t: "measure"; readonly measure: HeatMeasure }
  | { readonly t: "sort"; readonly sort: SortKey }
  | { readonly t: "view"; readonly view: SourcesView }
  | { readonly t: "file"; readonly file: number | undefined }
  | { readonly t: "block"; readonly block: number | undefined }
  | { readonly t: "forced"; readonly show: boolean }
  | { readonly t: "pin" }
  | { readonly t: "unpin"; readonly at: number }
  | { readonly t: "clear" };

export const INITIAL: EvidenceState = {
  meta: undefined,
  model: "coder",
  span: undefined,
  anchor: 0,
  cursor: 0,
  lanes: undefined,
  measure: "mass",
  sort: "focus",
  view: "list",
  file: undefined,
  block: undefined,
  showForced: false,
  pins: [],
};

export function reduce(state: EvidenceState, action: EvidenceAction): EvidenceState {
  switch (action.t) {
    case "opened":
      return opened(state, action.meta, action.reset);
    case "model":
      return { ...state, model: action.model, span: undefined, lanes: undefined, cursor: 0 };
    case "pick":
      return pick(state, action.step, action.extend);
    case "span":
      return { ...state, span: action.span };
    case "move": {
      const last = stepCount(state) - 1;
      const step = Math.max(0, Math.min(last, state.cursor + action.by));
      return pick(state, step, action.extend);
    }
    case "lane":
      return { ...state, lanes: toggled(state.lanes, action.lane, action.add) };
    case "lanes":
      return { ...state, lanes: action.lanes };
    case "measure":
      return { ...state, measure: action.measure };
    case "sort":
      return { ...state, sort: action.sort };
    case "view":
      return { ...state, view: action.view };
    case "file":
      return { ...state, file: action.file, block: undefined };
    case "block":
      return { ...state, block: action.block };
    case "forced":
      return { ...state, showForced: action.show };
    case "pin": {
      const { model, lanes, pins } = state;
      const pin = { model, span: spanOf(state), lanes };
      return { ...state, pins: [...pins.slice(-1), pin] };
    }
    case "unpin":
      return { ...state, pins: state.pins.filter((_, at) => at !== action.at) };
    case "clear":
      return { ...state, span: undefined, lanes: undefined, file: undefined, block: undefined };
  }
}

export function modelOf(state: EvidenceState): EvidenceModel | undefined {
  return state.meta?.models.find(({ role }) => role === state.model);
}

export function stepCount(state: EvidenceState): number {
  return modelOf(state)?.steps.length ?? 0;
}

/** The chosen span, or all steps. */
export function spanOf(state: EvidenceState): Span {
  return state.span ?? { from: 0, to: stepCount(state) };
}

export function filterOf(state: EvidenceState): Filter {
  return {
    model: state.model,
    span: spanOf(state),
    lanes: state.lanes === undefined ? undefined : Uint32Array.from(state.lanes),
  };
}

export function pinFilter({ model, span, lanes }: Pin): Filter {
  return { model, span, lanes: lanes === undefined ? undefined : Uint32Array.from(lanes) };
}

export function lensTarget({ file, block }: EvidenceState): LensTarget {
  if (block !== undefined) return { t: "block", block };
  return file === undefined ? { t: "all" } : { t: "file", file };
}

/** Focus is the question's; for a chosen span or lanes the files are ranked by what they read. */
export function effectiveSort({ sort, span, lanes }: EvidenceState): SortKey {
  return sort === "focus" && (span !== undefined || lanes !== undefined) ? "mass" : sort;
}

function opened(state: EvidenceState, meta: EvidenceMeta, reset: boolean): EvidenceState {
  const [answering] = meta.models;
  const isKnown = meta.models.some(({ role }) => role === state.model);
  const model = isKnown && !reset ? state.model : (answering?.role ?? "coder");
  const kept = reset ? { ...INITIAL, view: state.view, measure: state.measure } : state;
  const file = kept.file !== undefined && kept.file < meta.files.length ? kept.file : undefined;
  return { ...kept, meta, model, file };
}

function pick(state: EvidenceState, step: number, extend: boolean): EvidenceState {
  const anchor = extend ? state.anchor : step;
  const span = { from: Math.min(anchor, step), to: Math.max(anchor, step) + 1 };
  return { ...state, span, anchor, cursor: step };
}

function toggled(
  lanes: readonly number[] | undefined,
  lane: number,
  add: boolean,
): readonly number[] | undefined {
  if (!add) return lanes?.length === 1 && lanes[0] === lane ? undefined : [lane];
  const others = (lanes ?? []).filter((other) => other !== lane);
  const next = lanes?.includes(lane) === true ? others : [...others, lane];
  return next.length === 0 ? undefined : next.toSorted((a, b) => a - b);
}
