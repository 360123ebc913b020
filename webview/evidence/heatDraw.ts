/** Painted bins -> canvas: one image, scaled without smoothing, with hairlines between rows. */
import { heatRamp, type ThemeColors } from "./colors.js";
import type { HeatGrid } from "./heatLayout.js";

/** Rows lower than this touch each other: hairlines would eat them. */
const GAP_FROM_PIXELS = 7;

export function drawHeat(
  canvas: HTMLCanvasElement,
  grid: HeatGrid,
  size: { readonly width: number; readonly height: number },
  colors: ThemeColors,
): void {
  const scale = window.devicePixelRatio;
  canvas.width = Math.max(1, Math.round(size.width * scale));
  canvas.height = Math.max(1, Math.round(size.height * scale));
  const context = canvas.getContext("2d");
  if (context === null || grid.columns === 0 || grid.rows === 0) return;
  const image = new ImageData(grid.columns, grid.rows);
  const words = new Uint32Array(image.data.buffer);
  const ramp = heatRamp(colors.background, colors.heat, colors.isContrast);
  for (let at = 0; at < words.length; at++) {
    const value = grid.values[at] as number;
    if (!Number.isNaN(value)) words[at] = ramp[Math.round(value * 255)] as number;
  }
  const picture = document.createElement("canvas");
  picture.width = grid.columns;
  picture.height = grid.rows;
  picture.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const rowPixels = canvas.height / grid.rows;
  if (rowPixels < GAP_FROM_PIXELS * scale) return;
  context.fillStyle = `rgb(${colors.background.join(", ")})`;
  for (let row = 1; row < grid.rows; row++) {
    context.fillRect(0, Math.round(row * rowPixels) - scale, canvas.width, 2 * scale);
  }
}
