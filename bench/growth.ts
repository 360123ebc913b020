/** The plot of how reading, a step and the first token grow from 1K to 1M tokens, as SVG. */
import type { ModelRole } from "../src/shared/model.js";
import { type Measurements, resultOf } from "./measurements.js";
import { peerReadRate, peerStepMs } from "./table.js";

type Point = readonly [tokens: number, value: number];

interface Curve {
  readonly name: string;
  readonly color: string;
  readonly points: readonly Point[];
  /** Computed from a fit, not measured. */
  readonly isDashed?: boolean;
}

interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const COLORS: Readonly<Record<ModelRole, string>> = { scout: "#0072b2", coder: "#d55e00" };
const PEER_COLORS: Readonly<Record<ModelRole, string>> = { scout: "#56b4e9", coder: "#e69f00" };
const SIZES = [
  1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_000_000,
];
const MODELS: readonly ModelRole[] = ["scout", "coder"];

const WIDTH = 360;
const HEIGHT = 260;
const LEFT = 58;
const TOP = 40;
const GAP = 46;
const FOOT = 96;

export function growthSvg(measurements: Measurements): string {
  const panels = panelsOf(measurements);
  const width = LEFT + panels.length * (WIDTH + GAP);
  const height = TOP + HEIGHT + FOOT;
  const drawn = panels.map((panel, at) => drawPanel(panel, LEFT + at * (WIDTH + GAP)));
  const { cpu, cores } = measurements.machine;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="#222">`,
    `<title>Reading, a step and the first token from 1K to 1M tokens</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...drawn,
    drawLegend(panels, height - 40),
    text(
      LEFT,
      height - 10,
      `${cpu}, ${cores} cores. Dashed: computed from a fit to what was measured.`,
    ),
    "</svg>",
    "",
  ].join("\n");
}

function panelsOf(measurements: Measurements): readonly Panel[] {
  const curves = (of: (model: ModelRole) => readonly Curve[]): readonly Curve[] =>
    MODELS.flatMap(of).filter(({ points }) => points.length > 0);
  return [
    {
      title: "Reading: tokens a second, so far",
      curves: curves((model) => {
        const read = resultOf(measurements, `product.${model}`)?.["first"]?.progress ?? [];
        const points = read
          .filter(([tokens, ms]) => tokens >= 1024 && ms > 0)
          .map(([tokens, ms]): Point => [tokens, (tokens / ms) * 1000]);
        const [most, rate] = points.at(-1) ?? [];
        const on = most !== undefined && rate !== undefined;
        return [
          { name: model, color: COLORS[model], points },
          {
            ...{ name: `${model}, computed`, color: COLORS[model], isDashed: true },
            points: on
              ? [
                  [most, rate],
                  [1_000_000, rate],
                ]
              : [],
          },
          ...peerCurves(measurements, model, "read"),
        ];
      }),
    },
    {
      title: "A step of the answer: ms",
      curves: curves((model) => [
        slotsCurve(measurements, model, "stepMs"),
        ...peerCurves(measurements, model, "step"),
      ]),
    },
    {
      title: "First token of a question of 40 tokens, all read: ms",
      curves: curves((model) => [slotsCurve(measurements, model, "firstTokenMs")]),
    },
  ];
}

function slotsCurve(
  measurements: Measurements,
  model: ModelRole,
  key: "stepMs" | "firstTokenMs",
): Curve {
  const asked = resultOf(measurements, `slots.${model}.trained`)?.asked ?? [];
  return {
    ...{ name: model, color: COLORS[model] },
    points: asked.map((one): Point => [one.slots, one[key]]),
  };
}

function peerCurves(
  measurements: Measurements,
  model: ModelRole,
  what: "read" | "step",
): readonly Curve[] {
  const peer = resultOf(measurements, `peer.${model}`);
  if (!peer) return [];
  const color = PEER_COLORS[model];
  const measured = peer.rows.map((row): Point => [
    row.length,
    what === "read" ? row.prefillTokensPerSecond : row.decodeMs,
  ]);
  const longest = peer.rows.at(-1)?.length ?? 0;
  const beyond = SIZES.filter((size) => size >= longest && size <= 131_072).map((size): Point => [
    size,
    what === "read" ? peerReadRate(peer, size) : peerStepMs(peer, size),
  ]);
  const name = `llama.cpp, ${model}`;
  return [
    { name, color, points: measured },
    { name: `${name}, computed`, color, points: beyond, isDashed: true },
  ];
}

/** Both axes are logarithmic. */
function drawPanel({ title, curves }: Panel, left: number): string {
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const low = 10 ** Math.floor(Math.log10(Math.min(...values, 1e9)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values, low * 10)));
  const x = (tokens: number): number =>
    left + (WIDTH * Math.log10(tokens / 500)) / Math.log10(2400);
  const y = (value: number): number =>
    TOP + HEIGHT - (HEIGHT * Math.log10(value / low)) / Math.log10(high / low);
  const decades: number[] = [];
  for (let at = low; at <= high * 1.001; at *= 10) decades.push(at);
  return [
    text(left, TOP - 14, title, `font-weight="bold" font-size="12"`),
    ...decades.map(
      (at) =>
        `<path d="M${left} ${y(at).toFixed(1)}h${WIDTH}" stroke="#ddd"/>` +
        text(left - 6, y(at) + 4, at.toLocaleString("en-US"), `text-anchor="end"`),
    ),
    ...(
      [
        [1024, "1K"],
        [10_000, "10K"],
        [100_000, "100K"],
        [1_000_000, "1M"],
      ] as const
    ).map(
      ([tokens, label]) =>
        `<path d="M${x(tokens).toFixed(1)} ${TOP}v${HEIGHT}" stroke="#eee"/>` +
        text(x(tokens), TOP + HEIGHT + 15, label, `text-anchor="middle"`),
    ),
    text(left + WIDTH / 2, TOP + HEIGHT + 30, "tokens", `text-anchor="middle"`),
    ...curves.map(({ points, color, isDashed }) => {
      const path = points.map(
        ([at, value], n) => `${n ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`,
      );
      const dash = isDashed ? ` stroke-dasharray="4 4"` : "";
      return `<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`;
    }),
  ].join("\n");
}

function drawLegend(panels: readonly Panel[], top: number): string {
  const solid = panels.flatMap(({ curves }) => curves.filter(({ isDashed }) => !isDashed));
  const named = new Map(solid.map(({ name, color }) => [name, color]));
  return [...named]
    .map(([name, color], at) => {
      const left = LEFT + at * 170;
      return `<path d="M${left} ${top}h24" stroke="${color}" stroke-width="3"/>${text(left + 32, top + 4, name)}`;
    })
    .join("\n");
}

function text(x: number, y: number, content: string, more = ""): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${safe}</text>`;
}
