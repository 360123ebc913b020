/**
 * The timeline: tokens from left to right, files from top to bottom, or the blocks of one file.
 * Rows keep their order while a span is brushed, so that only the marker moves; the heat itself is
 * asked for when rows, lanes or measure change.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import type { BlockReads, FileReads, Heat } from "../../src/shared/evidence.js";
import { decimal, t } from "../l10n.js";
import { Button, Checkbox } from "../ui/controls.js";
import { safeText, shortPath } from "../ui/safeText.js";
import { useThemeVersion } from "../ui/useThemeVersion.js";
import { themeColors } from "./colors.js";
import type { EvidenceClient } from "./evidenceClient.js";
import { drawHeat } from "./heatDraw.js";
import { hitHeat, layoutHeat, type HeatHit } from "./heatLayout.js";
import { measures } from "./Header.js";
import { setHeatPicture } from "./heatPicture.js";
import {
  filterOf,
  modelOf,
  spanOf,
  stepCount,
  type EvidenceAction,
  type EvidenceState,
} from "./store.js";
import { nameOf } from "./summary.js";
import { useQuery } from "./useQuery.js";

const ROW_PIXELS = 18;
const LABEL_PIXELS = 176;

export function Heatmap(props: {
  readonly state: EvidenceState;
  readonly reads: FileReads | undefined;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly client: EvidenceClient;
}): JSX.Element {
  const { state, dispatch, client } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 600, height: 240 });
  const [cursor, setCursor] = useState<HeatHit>();
  const brush = useRef<number>(undefined);
  const steps = stepCount(state);
  const filter = { ...filterOf(state), span: { from: 0, to: steps } };
  const lanesKey = `${state.model}|${steps}|${state.lanes?.join() ?? ""}`;
  const whole = useQuery(lanesKey, () => client.request("files", filter));
  const blocks = useQuery(
    `${lanesKey}|${state.file ?? ""}`,
    state.file === undefined
      ? undefined
      : (
          (file) => () =>
            client.request("blocks", { ...filter, file })
        )(state.file),
  );

  const isZoomed = state.file !== undefined;
  const mostRows = Math.max(1, Math.floor(size.height / ROW_PIXELS));
  const forcedRows = state.showForced && !isZoomed ? 2 : 0;
  const files = useMemo(
    () => topFiles(whole, mostRows - forcedRows),
    [whole, mostRows, forcedRows],
  );
  const key = `${lanesKey}|${state.measure}|${isZoomed ? `f${state.file}` : files.join()}`;
  const heat = useQuery(key, () =>
    client.request("heat", {
      ...filter,
      measure: state.measure,
      rows: state.file === undefined ? { t: "files", files } : { t: "blocks", file: state.file },
    }),
  );
  const forced = useQuery(
    `${key}|${forcedRows}`,
    forcedRows === 0
      ? undefined
      : () => client.request("heat", { ...filter, measure: state.measure, rows: { t: "forced" } }),
  );
  const shown = useMemo(
    () =>
      heat === undefined || forcedRows === 0 || forced === undefined ? heat : stacked(heat, forced),
    [heat, forced, forcedRows],
  );
  const labels = isZoomed ? blockLabels(blocks) : rowLabels(state, files, forcedRows > 0);
  const grid = useMemo(
    () =>
      shown === undefined
        ? undefined
        : layoutHeat(
            shown,
            size.width,
            Math.max(1, Math.floor(size.height / 2)),
            state.measure !== "score",
          ),
    [shown, size, state.measure],
  );
  const painted = {
    width: size.width,
    height:
      grid === undefined
        ? 0
        : Math.min(size.height, Math.max(grid.rows * ROW_PIXELS, isZoomed ? 0 : ROW_PIXELS)),
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = (): void =>
      setSize({
        width: Math.max(50, element.clientWidth - LABEL_PIXELS),
        height: element.clientHeight,
      });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (canvas.current !== null && grid !== undefined)
      drawHeat(canvas.current, grid, painted, themeColors());
  }, [grid, painted.width, painted.height, useThemeVersion()]);

  useEffect(() => {
    const element = canvas.current;
    if (element === null || grid === undefined) return undefined;
    setHeatPicture(() =>
      labelled(
        element,
        labels.map(({ text }) => text),
        measureLabel(state),
      ),
    );
    return () => setHeatPicture(undefined);
  });

  const hit = (event: MouseEvent): HeatHit | undefined =>
    shown === undefined || grid === undefined
      ? undefined
      : hitHeat(grid, shown, painted, event.offsetX, event.offsetY);
  const span = spanOf(state);
  const value =
    shown === undefined || cursor === undefined
      ? undefined
      : shown.cells[cursor.row * shown.columns + cursor.step];
  const words =
    cursor === undefined ? "" : cellWords(state, labels[cursor.row]?.text ?? "", cursor, value);
  const choose = (row: number): void => {
    if (isZoomed) dispatch({ t: "block", block: blocks?.blocks[row]?.block });
    else if (files[row] !== undefined) dispatch({ t: "file", file: files[row] });
  };

  return (
    <section class="panel heat" aria-labelledby="heat-title">
      <div class="panel-head">
        <h2 id="heat-title">
          {isZoomed
            ? t(
                "Tokens × blocks of {0}",
                shortPath(nameOf(state.meta?.files ?? [], state.file), 40),
              )
            : t("Tokens × files")}
        </h2>
        {isZoomed ? (
          <Button onPress={() => dispatch({ t: "file", file: undefined })}>{t("All Files")}</Button>
        ) : (
          <Checkbox
            checked={state.showForced}
            label={t("Forced blocks")}
            onToggle={(show) => dispatch({ t: "forced", show })}
          />
        )}
        <Scale state={state} highest={grid?.highest ?? 0} lowest={grid?.lowest ?? 0} />
      </div>
      <div class="heat-box" ref={box}>
        <div class="heat-labels" style={{ width: `${LABEL_PIXELS}px` }} aria-hidden="true">
          {painted.height / Math.max(1, labels.length) < 9
            ? null
            : labels.map(({ text, title }, row) => (
                <div
                  key={row}
                  class={`heat-label ${cursor?.row === row ? "active" : ""}`}
                  style={{ height: `${painted.height / labels.length}px` }}
                  title={title}
                  onClick={() => choose(row)}
                >
                  {text}
                </div>
              ))}
        </div>
        <div
          class="heat-canvas"
          style={{ width: `${painted.width}px`, height: `${painted.height}px` }}
        >
          <canvas
            ref={canvas}
            tabIndex={0}
            role="img"
            aria-label={
              words === ""
                ? t(
                    "Heat map, {0} tokens by {1} rows. Arrow keys move, Enter opens.",
                    steps,
                    labels.length,
                  )
                : words
            }
            onPointerDown={(event) => {
              const at = hit(event);
              if (at === undefined || event.button !== 0) return;
              brush.current = at.step;
              setCursor(at);
            }}
            onPointerMove={(event) => {
              const at = hit(event);
              setCursor(at);
              if (at === undefined || brush.current === undefined || at.step === brush.current)
                return;
              const from = Math.min(brush.current, at.step);
              dispatch({ t: "span", span: { from, to: Math.max(brush.current, at.step) + 1 } });
            }}
            onPointerUp={(event) => {
              const at = hit(event);
              if (at !== undefined && at.step === brush.current) choose(at.row);
              brush.current = undefined;
            }}
            onPointerLeave={() => setCursor(undefined)}
            onKeyDown={(event) => {
              const next = movedCell(
                event.key,
                cursor ?? { row: 0, step: span.from },
                labels.length,
                steps,
              );
              if (next !== undefined) {
                setCursor(next);
                if (event.shiftKey) dispatch({ t: "pick", step: next.step, extend: true });
              } else if (event.key === "Enter" && cursor !== undefined) choose(cursor.row);
              else return;
              event.preventDefault();
            }}
          />
          {state.span === undefined ? null : (
            <div
              class="heat-span"
              style={{
                left: `${(span.from / Math.max(1, steps)) * 100}%`,
                width: `${((span.to - span.from) / Math.max(1, steps)) * 100}%`,
              }}
            />
          )}
          {cursor === undefined || shown === undefined ? null : (
            <div
              class="heat-cursor"
              style={{
                left: `${(cursor.step / Math.max(1, steps)) * 100}%`,
                top: `${(cursor.row / Math.max(1, shown.rows)) * 100}%`,
                width: `${100 / Math.max(1, steps)}%`,
                height: `${100 / Math.max(1, shown.rows)}%`,
              }}
            />
          )}
        </div>
      </div>
      <p class="heat-words note">
        {words === "" ? t("Drag to choose tokens; click a row to open it.") : words}
      </p>
    </section>
  );
}

function Scale(props: {
  readonly state: EvidenceState;
  readonly highest: number;
  readonly lowest: number;
}): JSX.Element {
  const { state, highest, lowest } = props;
  const low = state.measure === "score" ? lowest : 0;
  const digits = state.measure === "selections" ? 0 : 2;
  return (
    <span class="scale">
      <span>{measureLabel(state)}</span>
      <span>{decimal(low, digits)}</span>
      <span class="scale-ramp" aria-hidden="true" />
      <span>{decimal(highest, digits)}</span>
    </span>
  );
}

function measureLabel(state: EvidenceState): string {
  return measures().find(({ value }) => value === state.measure)?.label ?? "";
}

function topFiles(reads: FileReads | undefined, most: number): Uint32Array {
  if (reads === undefined) return new Uint32Array();
  const order = [...reads.files.keys()].sort((a, b) => (reads.mass[b] ?? 0) - (reads.mass[a] ?? 0));
  return Uint32Array.from(order.slice(0, Math.max(0, most)), (at) => reads.files[at] ?? 0);
}

interface RowLabel {
  readonly text: string;
  readonly title: string;
}

function rowLabels(state: EvidenceState, files: Uint32Array, withForced: boolean): RowLabel[] {
  const all = state.meta?.files ?? [];
  const labels = [...files].map((file) => {
    const title = nameOf(all, file);
    return { text: shortPath(title, 24), title };
  });
  if (!withForced) return labels;
  const forced = t("Selected by rule, not by the model");
  return [
    ...labels,
    { text: t("System turn"), title: forced },
    { text: t("Conversation"), title: forced },
  ];
}

function blockLabels(reads: BlockReads | undefined): RowLabel[] {
  return (reads?.blocks ?? []).map(({ startLine, endLine, symbols }) => {
    const lines = startLine === 0 ? t("header") : `${startLine}–${endLine}`;
    const symbol = safeText(symbols.at(-1) ?? "");
    return {
      text: symbol === "" ? lines : `${lines}  ${symbol}`,
      title: symbols.map((s) => safeText(s)).join(", "),
    };
  });
}

function stacked(heat: Heat, below: Heat): Heat {
  const cells = new Float32Array(heat.cells.length + below.cells.length);
  cells.set(heat.cells);
  cells.set(below.cells, heat.cells.length);
  return { rows: heat.rows + below.rows, columns: heat.columns, cells };
}

function cellWords(
  state: EvidenceState,
  row: string,
  { step }: HeatHit,
  value: number | undefined,
): string {
  const text = safeText(modelOf(state)?.steps[step]?.text ?? "");
  const isNothing =
    value === undefined || Number.isNaN(value) || (value === 0 && state.measure !== "score");
  const amount = isNothing
    ? t("not selected")
    : `${measureLabel(state)} ${decimal(value, state.measure === "selections" ? 0 : 3)}`;
  return t("Token {0} “{1}” × {2}: {3}", step + 1, text, row, amount);
}

function movedCell(
  key: string,
  { row, step }: HeatHit,
  rows: number,
  steps: number,
): HeatHit | undefined {
  switch (key) {
    case "ArrowRight":
      return { row, step: Math.min(steps - 1, step + 1) };
    case "ArrowLeft":
      return { row, step: Math.max(0, step - 1) };
    case "ArrowDown":
      return { row: Math.min(rows - 1, row + 1), step };
    case "ArrowUp":
      return { row: Math.max(0, row - 1), step };
    case "Home":
      return { row, step: 0 };
    case "End":
      return { row, step: steps - 1 };
    default:
      return undefined;
  }
}

/** The map with its row names and what the colours mean, for a file. */
function labelled(
  map: HTMLCanvasElement,
  labels: readonly string[],
  title: string,
): HTMLCanvasElement {
  const scale = window.devicePixelRatio;
  const left = LABEL_PIXELS * scale;
  const top = 24 * scale;
  const picture = document.createElement("canvas");
  picture.width = left + map.width;
  picture.height = top + map.height;
  const context = picture.getContext("2d");
  if (context === null) return picture;
  const { background, foreground } = themeColors();
  context.fillStyle = `rgb(${background.join(", ")})`;
  context.fillRect(0, 0, picture.width, picture.height);
  context.fillStyle = foreground;
  context.font = `${11 * scale}px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = "middle";
  context.fillText(title, 4 * scale, top / 2);
  const rowPixels = map.height / Math.max(1, labels.length);
  for (const [row, label] of labels.entries()) {
    context.fillText(label, 4 * scale, top + (row + 0.5) * rowPixels, left - 8 * scale);
  }
  context.drawImage(map, left, top);
  return picture;
}
