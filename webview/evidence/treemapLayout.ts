/** Squarified treemap (Bruls, Huizing, van Wijk 2000): weights -> rectangles, nearly square. Pure. */

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One rectangle per weight, in the order given; weights of 0 get an empty one. */
export function treemap(weights: readonly number[], area: Rect): Rect[] {
  const order = [...weights.keys()].filter((at) => (weights[at] ?? 0) > 0);
  order.sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
  const total = order.reduce((sum, at) => sum + (weights[at] ?? 0), 0);
  const rects: Rect[] = weights.map(() => ({ x: area.x, y: area.y, width: 0, height: 0 }));
  const scale = total > 0 ? (area.width * area.height) / total : 0;
  const sizes = order.map((at) => (weights[at] ?? 0) * scale);

  let { x, y, width, height } = area;
  for (let start = 0; start < sizes.length;) {
    const side = Math.min(width, height);
    let end = start + 1;
    while (
      end < sizes.length &&
      worst(sizes, start, end + 1, side) <= worst(sizes, start, end, side)
    ) {
      end++;
    }
    const sum = sizes.slice(start, end).reduce((a, b) => a + b, 0);
    const thickness = side > 0 ? sum / side : 0;
    const isColumn = width >= height;
    let along = isColumn ? y : x;
    for (let i = start; i < end; i++) {
      const length = thickness > 0 ? (sizes[i] ?? 0) / thickness : 0;
      rects[order[i] ?? 0] = isColumn
        ? { x, y: along, width: thickness, height: length }
        : { x: along, y, width: length, height: thickness };
      along += length;
    }
    if (isColumn) {
      x += thickness;
      width -= thickness;
    } else {
      y += thickness;
      height -= thickness;
    }
    start = end;
  }
  return rects;
}

/** The worst aspect ratio of a row of sizes laid along `side`. */
function worst(sizes: readonly number[], start: number, end: number, side: number): number {
  let sum = 0;
  let least = Infinity;
  let most = 0;
  for (let i = start; i < end; i++) {
    const size = sizes[i] ?? 0;
    sum += size;
    least = Math.min(least, size);
    most = Math.max(most, size);
  }
  const square = side * side;
  return Math.max((square * most) / (sum * sum), (sum * sum) / (square * least));
}
