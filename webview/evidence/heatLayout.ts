/** Heat cells -> what is painted: bins of columns and rows that fit the canvas. Pure. */
import type { Heat } from "../../src/shared/evidence.js";

export interface HeatGrid {
  /** Painted columns and rows; each stands for `columnsPerBin` steps, `rowsPerBin` rows. */
  readonly columns: number;
  readonly rows: number;
  readonly columnsPerBin: number;
  readonly rowsPerBin: number;
  /** `[row][column]` in 0..1 of the highest value, NaN where nothing was selected. */
  readonly values: Float32Array;
  readonly highest: number;
  readonly lowest: number;
}

/**
 * A bin shows its highest cell: a single strong read must not vanish in a narrow window.
 * `fromZero`: 0 is "nothing" (counts, mass); otherwise values spread between lowest and highest.
 */
export function layoutHeat(
  heat: Heat,
  mostColumns: number,
  mostRows: number,
  fromZero: boolean,
): HeatGrid {
  const columnsPerBin = Math.max(1, Math.ceil(heat.columns / Math.max(1, mostColumns)));
  const rowsPerBin = Math.max(1, Math.ceil(heat.rows / Math.max(1, mostRows)));
  const columns = Math.ceil(heat.columns / columnsPerBin);
  const rows = Math.ceil(heat.rows / rowsPerBin);
  const values = new Float32Array(columns * rows).fill(NaN);
  let highest = -Infinity;
  let lowest = Infinity;
  for (let row = 0; row < heat.rows; row++) {
    const binRow = Math.floor(row / rowsPerBin) * columns;
    for (let column = 0; column < heat.columns; column++) {
      const value = heat.cells[row * heat.columns + column] as number;
      if (Number.isNaN(value) || (fromZero && value === 0)) continue;
      const bin = binRow + Math.floor(column / columnsPerBin);
      if (!((values[bin] as number) >= value)) values[bin] = value;
      if (value > highest) highest = value;
      if (value < lowest) lowest = value;
    }
  }
  if (highest === -Infinity)
    return { columns, rows, columnsPerBin, rowsPerBin, values, highest: 0, lowest: 0 };
  const floor = fromZero ? 0 : lowest;
  const range = highest - floor || 1;
  for (let at = 0; at < values.length; at++) values[at] = ((values[at] as number) - floor) / range;
  return { columns, rows, columnsPerBin, rowsPerBin, values, highest, lowest };
}

export interface HeatHit {
  readonly row: number;
  readonly step: number;
}

/** Pixel -> row and step of the unbinned heat, or undefined outside. */
export function hitHeat(
  grid: HeatGrid,
  heat: Heat,
  size: { readonly width: number; readonly height: number },
  x: number,
  y: number,
): HeatHit | undefined {
  if (x < 0 || y < 0 || x >= size.width || y >= size.height) return undefined;
  const column = Math.floor((x / size.width) * grid.columns) * grid.columnsPerBin;
  const row = Math.floor((y / size.height) * grid.rows) * grid.rowsPerBin;
  if (column >= heat.columns || row >= heat.rows) return undefined;
  return { row, step: column };
}
