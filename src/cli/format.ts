/** Numbers and durations as the command line writes them. */

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** "3 files", "1 file". */
export function formatNoun(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Four digits at most: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return joinParts(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(whole / 60);
  return joinParts(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function joinParts(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major} ${majorUnit}` : `${major} ${majorUnit} ${minor} ${minorUnit}`;
}

export function formatPercent(part: number): string {
  const percent = part * 100;
  return `${percent >= 9.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of `columns` cells for a part from 0 to 1; anything above 0 shows at least a sliver. */
export function formatBar(part: number, columns: number): string {
  const eighths = Math.min(columns * 8, Math.max(part > 0 ? 1 : 0, Math.round(part * columns * 8)));
  const bar = "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
  return bar + " ".repeat(columns - bar.length);
}
