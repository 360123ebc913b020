/** What happens when a request comes for a model that is at work; the engine and its fake agree on it. */

/** `change`: another model, another pack, or none. */
export type WorkKind = "ask" | "read" | "backgroundRead" | "change";

/**
 * `together`: both run. `makesWay`: the running one is cancelled, and the new one starts when it has
 * ended. `busy`: the new one is refused.
 */
export type Meeting = "together" | "makesWay" | "busy";

/** By the request that comes, then by the one that runs. */
const MEETINGS: Readonly<Record<WorkKind, Readonly<Record<WorkKind, Meeting>>>> = {
  ask: { ask: "busy", read: "together", backgroundRead: "together", change: "busy" },
  read: { ask: "together", read: "busy", backgroundRead: "makesWay", change: "busy" },
  backgroundRead: { ask: "together", read: "busy", backgroundRead: "makesWay", change: "busy" },
  change: { ask: "busy", read: "busy", backgroundRead: "makesWay", change: "busy" },
};

export function meet(comes: WorkKind, runs: WorkKind): Meeting {
  return MEETINGS[comes][runs];
}
