/** What frames cost, from the events that Chromium traces. */

/**
 * Per frame of the page's main thread, in ms: its tasks from one begin of a frame to the next, added
 * up. `work` is time on the clock, `cpu` the thread's own, which a loaded machine does not lengthen.
 * A frame begins with the task that runs animation callbacks, however many these are.
 */
export function frameCosts(events) {
  const callback = events.find(({ name }) => name === "FireAnimationFrame");
  if (callback === undefined) return { work: [], cpu: [] };
  const own = events.filter(({ pid, tid }) => pid === callback.pid && tid === callback.tid);
  const callbacks = own.filter(({ name }) => name === "FireAnimationFrame").map(({ ts }) => ts);
  const tasks = own
    .filter(({ ph, name }) => ph === "X" && name.endsWith("RunTask"))
    .sort((a, b) => a.ts - b.ts);
  const work = [];
  const cpu = [];
  for (const { ts, dur = 0, tdur = 0 } of tasks) {
    if (callbacks.some((at) => at >= ts && at <= ts + dur)) {
      work.push(0);
      cpu.push(0);
    }
    if (work.length === 0) continue; // before the first frame
    work[work.length - 1] += dur / 1000;
    cpu[cpu.length - 1] += tdur / 1000;
  }
  return { work: work.slice(0, -1), cpu: cpu.slice(0, -1) };
}

export function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part) => Number((sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
