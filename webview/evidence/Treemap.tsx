/** The repository by size, coloured by what was read; what is not in sight is hatched. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import { t } from "../l10n.js";
import { safeText } from "../ui/safeText.js";
import { useThemeVersion } from "../ui/useThemeVersion.js";
import { heatRamp, inkOn, parseColor, type Rgb, themeColors } from "./colors.js";
import { measureText, type RankedFile } from "./rankedFiles.js";
import type { EvidenceAction, EvidenceState, SortKey } from "./store.js";
import { treemap, type Rect } from "./treemapLayout.js";

const LABEL_FROM_PIXELS = 46;

export function Treemap(props: {
  readonly ranked: readonly RankedFile[];
  readonly sort: SortKey;
  readonly state: EvidenceState;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly onOpen: (file: RankedFile) => void;
}): JSX.Element {
  const { ranked, sort, state, dispatch } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [hover, setHover] = useState("");
  // Places depend on sizes only, so that a brushed span recolours and moves nothing.
  const order = ranked.toSorted((a, b) => a.file - b.file);
  const rects = treemap(
    order.map(({ blocks }) => blocks),
    { x: 0, y: 0, ...size },
  );
  const active = order.findIndex(({ file }) => file === state.file);

  useLayoutEffect(() => {
    const box = canvas.current?.parentElement;
    if (box === null || box === undefined) return undefined;
    const observer = new ResizeObserver(() =>
      setSize({ width: box.clientWidth, height: box.clientHeight }),
    );
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  useThemeVersion();
  useEffect(() => {
    if (canvas.current !== null) drawTreemap(canvas.current, size, order, rects, sort, active);
  });

  const at = (event: MouseEvent): RankedFile | undefined => {
    const index = rects.findIndex((rect) => contains(rect, event.offsetX, event.offsetY));
    return order[index];
  };
  const file = order[active];
  return (
    <div class="treemap">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={
          file === undefined
            ? t("Treemap of {0} files; arrow keys choose one, Enter opens it", order.length)
            : `${safeText(file.path)}, ${measureText(file, sort)}`
        }
        title={hover}
        onPointerMove={(event) => {
          const found = at(event);
          setHover(
            found === undefined ? "" : `${safeText(found.path)}\n${measureText(found, sort)}`,
          );
        }}
        onClick={(event) => dispatch({ t: "file", file: at(event)?.file })}
        onDblClick={(event) => {
          const found = at(event);
          if (found !== undefined) props.onOpen(found);
        }}
        onKeyDown={(event) => {
          const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          if (by !== undefined) {
            const place = ranked.findIndex((entry) => entry.file === state.file);
            const next = Math.max(0, Math.min(ranked.length - 1, place + by));
            dispatch({ t: "file", file: ranked[next]?.file });
          } else if (event.key === "Enter" && file !== undefined) props.onOpen(file);
          else return;
          event.preventDefault();
        }}
      />
    </div>
  );
}

function contains({ x, y, width, height }: Rect, px: number, py: number): boolean {
  return px >= x && py >= y && px < x + width && py < y + height;
}

function drawTreemap(
  canvas: HTMLCanvasElement,
  size: { readonly width: number; readonly height: number },
  files: readonly RankedFile[],
  rects: readonly Rect[],
  sort: SortKey,
  active: number,
): void {
  const scale = window.devicePixelRatio;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.scale(scale, scale);
  const colors = themeColors();
  const ramp = heatRamp(colors.background, colors.heat, colors.isContrast);
  const most = Math.max(...files.map((file) => file[sort]), 1e-9);
  const font = getComputedStyle(document.body).fontFamily;
  context.font = `11px ${font}`;
  context.textBaseline = "top";
  for (const [index, rect] of rects.entries()) {
    const file = files[index];
    if (file === undefined || rect.width < 0.5 || rect.height < 0.5) continue;
    const value = file[sort] / most;
    const fill = value > 0 ? channels(ramp[Math.round(value * 255)] ?? 0) : colors.background;
    context.fillStyle = rgb(fill);
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    if (!file.inSight) hatch(context, rect, colors.foreground);
    context.strokeStyle = colors.foreground;
    context.globalAlpha = index === active ? 1 : 0.25;
    context.lineWidth = index === active ? 2 : 0.5;
    context.strokeRect(rect.x + 0.5, rect.y + 0.5, rect.width - 1, rect.height - 1);
    context.globalAlpha = 1;
    if (rect.width > LABEL_FROM_PIXELS && rect.height > 16) {
      context.save();
      context.beginPath();
      context.rect(rect.x + 3, rect.y + 2, rect.width - 6, rect.height - 4);
      context.clip();
      context.fillStyle = rgb(inkOn(fill, colors.background, parseColor(colors.foreground)));
      context.fillText(
        safeText(file.path.slice(file.path.lastIndexOf("/") + 1)),
        rect.x + 4,
        rect.y + 3,
      );
      context.restore();
    }
  }
}

function hatch(context: CanvasRenderingContext2D, rect: Rect, color: string): void {
  context.save();
  context.beginPath();
  context.rect(rect.x, rect.y, rect.width, rect.height);
  context.clip();
  context.strokeStyle = color;
  context.globalAlpha = 0.18;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -rect.height; at < rect.width; at += 6) {
    context.moveTo(rect.x + at, rect.y + rect.height);
    context.lineTo(rect.x + at + rect.height, rect.y);
  }
  context.stroke();
  context.restore();
}

function channels(word: number): Rgb {
  return [word & 255, (word >> 8) & 255, (word >> 16) & 255];
}

function rgb([red, green, blue]: Rgb): string {
  return `rgb(${red}, ${green}, ${blue})`;
}
