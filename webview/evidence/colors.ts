/** The ramp from "nothing" to the theme's heat colour; discrete in high contrast. */

export type Rgb = readonly [number, number, number];

/** Steps that can be told apart without a halo of in-betweens. */
const CONTRAST_STEPS = 5;
/** Small values must still be seen: perceived lightness is about the square root. */
const GAMMA = 0.55;

/** 256 colours as RGBA words (little-endian), for direct writing into an image. */
export function heatRamp(background: Rgb, heat: Rgb, isContrast: boolean): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, at) => {
    const value = isContrast
      ? (Math.floor((at / 256) * CONTRAST_STEPS) + 1) / CONTRAST_STEPS
      : 0.06 + 0.94 * (at / 255) ** GAMMA;
    const mixed = background.map((from, i) => Math.round(from + ((heat[i] ?? 0) - from) * value));
    const [red = 0, green = 0, blue = 0] = mixed;
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

/** "rgb(1, 2, 3)", "rgba(…)" and "#rrggbb[aa]" -> channels; anything else is black. */
export function parseColor(text: string): Rgb {
  const hex = /^#([0-9a-f]{6})/i.exec(text)?.[1];
  if (hex !== undefined) {
    const value = Number.parseInt(hex, 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const [red, green, blue] = [...text.matchAll(/[\d.]+/g)].map(([n]) => Number(n));
  return [red ?? 0, green ?? 0, blue ?? 0];
}

/** Whichever of two inks is read more easily on a fill, by the contrast ratio of WCAG. */
export function inkOn(fill: Rgb, a: Rgb, b: Rgb): Rgb {
  return contrast(fill, a) >= contrast(fill, b) ? a : b;
}

function contrast(a: Rgb, b: Rgb): number {
  const [lighter = 0, darker = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(color: Rgb): number {
  const [red = 0, green = 0, blue = 0] = color.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export interface ThemeColors {
  readonly background: Rgb;
  readonly heat: Rgb;
  readonly foreground: string;
  readonly isContrast: boolean;
}

/** Reads the theme through a probe element: variables may be any CSS colour, also `color-mix`. */
export function themeColors(): ThemeColors {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const read = (value: string): string => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const colors = {
    background: parseColor(read("var(--vscode-editor-background)")),
    heat: parseColor(read("var(--vscode-blocksight-heatForeground)")),
    foreground: read("var(--vscode-foreground)"),
    isContrast: /vscode-high-contrast/.test(document.body.className),
  };
  probe.remove();
  return colors;
}
