/** The timeline as a PNG: map, row names and scale, as they stand on the view. */

let current: (() => HTMLCanvasElement) | undefined;

/** The heat map on screen says how to draw itself for a file. */
export function setHeatPicture(draw: (() => HTMLCanvasElement) | undefined): void {
  current = draw;
}

export async function heatPicture(): Promise<Uint8Array | undefined> {
  const canvas = current?.();
  if (canvas === undefined) return undefined;
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  return blob === null ? undefined : new Uint8Array(await blob.arrayBuffer());
}
