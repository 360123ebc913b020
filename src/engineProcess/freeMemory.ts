/** Memory that this process may still take: the machine's, or its control group's where that is less. */
import { readFileSync } from "node:fs";
import os from "node:os";

const GROUP = "/sys/fs/cgroup";

/**
 * `limit` and `usage` in bytes as the kernel writes them ("max": none); `stat` is memory.stat. The
 * group's page cache counts as usage but is given back when memory is asked for, so its inactive
 * part is free: else a model file that was just read would make memory look short.
 */
export function groupFreeBytes(limit: string, usage: string, stat: string): number | undefined {
  if (limit.trim() === "max") return undefined;
  const inactive = /^inactive_file (\d+)$/m.exec(stat)?.[1] ?? "0";
  const free = Number(limit) - Number(usage) + Number(inactive);
  return Number.isFinite(free) ? Math.max(0, free) : undefined;
}

/** On Linux the machine's part is MemAvailable, which is what Node reports there. */
export function freeMemoryBytes(): number {
  const machine = os.freemem();
  try {
    const [limit, usage, stat] = ["max", "current", "stat"].map((name) =>
      readFileSync(`${GROUP}/memory.${name}`, "utf8"),
    ) as [string, string, string];
    return Math.min(machine, groupFreeBytes(limit, usage, stat) ?? machine);
  } catch {
    return machine; // no control group, or not the unified hierarchy
  }
}
