/**
 * Every token of the question and of the answer, tinted by how concentrated its reading is. Click,
 * Shift-click or brush chooses a span; arrow keys move, Shift extends, Home and End jump.
 * A thousand tokens are drawn once; a brushed span only switches classes on those that changed.
 */
import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type { EvidenceStep } from "../../src/shared/evidence.js";
import { t } from "../l10n.js";
import { safeText } from "../ui/safeText.js";
import { modelOf, spanOf, type EvidenceAction, type EvidenceState } from "./store.js";

/**
 * Tints show rank within the trace: what is a high concentration depends on model and repository.
 * The least concentrated half stays plain.
 */
const TINT_FROM = [0.5, 0.7, 0.85, 0.95] as const;

export function TokenStrip(props: {
  readonly state: EvidenceState;
  readonly dispatch: Dispatch<EvidenceAction>;
}): JSX.Element {
  const { state, dispatch } = props;
  const steps = modelOf(state)?.steps ?? [];
  const strip = useRef<HTMLDivElement>(null);
  const brushing = useRef(false);
  const painted = useRef<{ from: number; to: number }>({ from: 0, to: 0 });
  const span = state.span === undefined ? { from: 0, to: 0 } : spanOf(state);

  useLayoutEffect(() => {
    const element = strip.current;
    if (element === null) return;
    const mark = (step: number, isIn: boolean): void => {
      const token = element.querySelector(`#step-${step}`);
      token?.classList.toggle("in", isIn);
      token?.setAttribute("aria-selected", String(isIn));
    };
    const old = painted.current;
    for (let step = old.from; step < old.to; step++) {
      if (step < span.from || step >= span.to) mark(step, false);
    }
    for (let step = span.from; step < span.to; step++) {
      if (step < old.from || step >= old.to) mark(step, true);
    }
    painted.current = span;
  }, [span.from, span.to, steps]);

  useEffect(() => {
    const element = strip.current?.querySelector(`#step-${state.cursor}`);
    if (document.activeElement === strip.current) element?.scrollIntoView({ block: "nearest" });
  }, [state.cursor]);

  useEffect(() => {
    const end = (): void => {
      brushing.current = false;
    };
    window.addEventListener("pointerup", end);
    return () => window.removeEventListener("pointerup", end);
  }, []);

  const question = steps.filter(({ kind }) => kind === "question").length;
  const stepAt = (event: { readonly target: EventTarget | null }): number | undefined => {
    const id =
      event.target instanceof Element ? /^step-(\d+)$/.exec(event.target.id)?.[1] : undefined;
    return id === undefined ? undefined : Number(id);
  };

  return (
    <div
      class="strip"
      ref={strip}
      role="listbox"
      aria-multiselectable="true"
      aria-label={t("Tokens of question and answer")}
      aria-activedescendant={`step-${state.cursor}`}
      tabIndex={0}
      onPointerDown={(event) => {
        const step = stepAt(event);
        if (step === undefined || event.button !== 0) return;
        brushing.current = true;
        dispatch({ t: "pick", step, extend: event.shiftKey });
      }}
      onPointerOver={(event) => {
        const step = stepAt(event);
        if (step !== undefined && brushing.current) dispatch({ t: "pick", step, extend: true });
      }}
      onKeyDown={(event) => {
        const by = moveOf(event.key, steps.length);
        if (by === undefined) return;
        event.preventDefault();
        dispatch({ t: "move", by, extend: event.shiftKey });
      }}
    >
      <Part
        label={t("Question")}
        steps={steps}
        from={0}
        to={question}
        paths={state.meta?.files ?? []}
      />
      <Part
        label={t("Answer")}
        steps={steps}
        from={question}
        to={steps.length}
        paths={state.meta?.files ?? []}
      />
    </div>
  );
}

function moveOf(key: string, count: number): number | undefined {
  switch (key) {
    case "ArrowRight":
      return 1;
    case "ArrowLeft":
      return -1;
    case "ArrowDown":
      return 10;
    case "ArrowUp":
      return -10;
    case "Home":
      return -count;
    case "End":
      return count;
    default:
      return undefined;
  }
}

const Part = memo(function Part(props: {
  readonly label: string;
  readonly steps: readonly EvidenceStep[];
  readonly from: number;
  readonly to: number;
  readonly paths: readonly { readonly path: string }[];
}): JSX.Element | null {
  const { label, steps, from, to, paths } = props;
  const bounds = useMemo(() => tintBounds(steps), [steps]);
  const tokens = useMemo(
    () =>
      steps.slice(from, to).map((step, at) => (
        <span
          key={from + at}
          id={`step-${from + at}`}
          role="option"
          aria-selected="false"
          class={tokenClass(step, bounds)}
          title={tokenTitle(step, from + at, paths)}
        >
          {shownText(step.text)}
        </span>
      )),
    [steps, from, to, paths, bounds],
  );
  if (from >= to) return null;
  return (
    <div class="strip-part" role="group" aria-label={label}>
      <span class="strip-label" aria-hidden="true">
        {label}
      </span>
      <div class="tokens" role="presentation">
        {tokens}
      </div>
    </div>
  );
});

function tintBounds(steps: readonly EvidenceStep[]): number[] {
  const values = steps.map(({ concentration }) => concentration).sort((a, b) => a - b);
  return TINT_FROM.map((part) => values[Math.floor(part * values.length)] ?? 0);
}

function tokenClass(
  { kind, text, concentration }: EvidenceStep,
  bounds: readonly number[],
): string {
  const tint = bounds.filter((bound) => concentration > 0 && concentration >= bound).length;
  const special = /^<\|?[\w▁]+\|?>$/.test(text) ? " special" : "";
  return `token tint-${tint}${special}${kind === "citation" ? " cited" : ""}`;
}

/** A token that is only a break still needs something to point at. */
function shownText(text: string): string {
  if (text === "") return "\u00b7";
  return /^\s*\n\s*$/.test(text) ? `\u21b5${text.replaceAll("\r", "")}` : safeText(text, true);
}

function tokenTitle(
  step: EvidenceStep,
  at: number,
  paths: readonly { readonly path: string }[],
): string {
  const first = t("Token {0}, concentration {1}", at + 1, step.concentration.toFixed(2));
  if (step.citation === undefined) return first;
  const candidates = step.citation.candidates
    .toSorted((a, b) => b.focus - a.focus)
    .map(({ file, focus, logProb }) =>
      t(
        "{0}: focus {1}, log p {2}",
        safeText(paths[file]?.path ?? ""),
        focus.toFixed(3),
        logProb.toFixed(2),
      ),
    );
  return [first, t("Chosen from:"), ...candidates].join("\n");
}
