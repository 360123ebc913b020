/** What can be read, before anything is: files, tokens, what was skipped and why, and switches. */
import { useEffect, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { SkipReason } from "../../src/shared/pack.js";
import type { AskState, PackEntry, PackState, SkippedEntry } from "../../src/shared/messages.js";
import { compact, count, duration, percent, t } from "../l10n.js";
import { Bar } from "../ui/Bar.js";
import { Button, Checkbox, TextLink } from "../ui/controls.js";
import { safeText } from "../ui/safeText.js";
import type { AskClient } from "./askClient.js";
import { Progress } from "./Progress.js";
import { skipReasonLabel } from "./skipReasons.js";

/** Rows shown of one folder; a folder with more says how many are left. */
const MOST_ROWS = 200;

export function PackPanel(props: {
  readonly state: AskState;
  readonly channel: AskClient;
}): JSX.Element | null {
  const { state, channel } = props;
  const { pack, engine } = state;
  const [isOpen, setOpen] = useState(false);
  if (pack === undefined) {
    return state.problem === undefined &&
      state.activity !== undefined &&
      state.turns.length === 0 ? (
      <Progress activity={state.activity} />
    ) : null;
  }
  const isOver = pack.budgetTokens > 0 && pack.tokens > pack.budgetTokens;
  return (
    <details
      class="pack"
      open={isOpen || isOver}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span class="pack-title">
          {pack.packing
            ? t("Packing…")
            : t("{0} files, {1} tokens", pack.files, compact(pack.tokens))}
        </span>
        <span class={`engine-phase phase-${engine.phase}`}>{phaseLabel(engine.phase)}</span>
      </summary>
      <div class="pack-body">
        {engine.model === undefined ? null : (
          <p class="note" title={engine.detail ?? ""}>
            {safeText(engine.model)}
          </p>
        )}
        <PackNumbers pack={pack} />
        {isOver ? <OverBudget pack={pack} channel={channel} /> : null}
        <Folder
          folder=""
          depth={0}
          whole={pack.tokens}
          channel={channel}
          version={versionOf(pack)}
        />
        {pack.skipped.length === 0 ? null : <Skipped pack={pack} channel={channel} />}
        <div class="actions">
          <Button onPress={() => void channel.request("act", { action: "refreshPack" })}>
            {t("Pack Again")}
          </Button>
        </div>
      </div>
    </details>
  );
}

/** Changes when folders must be asked for again. */
function versionOf(pack: PackState): string {
  return `${pack.tokens}:${pack.files}:${pack.leftOut.join("\n")}`;
}

function phaseLabel(phase: AskState["engine"]["phase"]): string {
  switch (phase) {
    case "off":
      return t("Engine off");
    case "starting":
      return t("Starting");
    case "ready":
      return t("Ready");
    case "restarting":
      return t("Restarting");
    case "failed":
      return t("Stopped");
  }
}

function PackNumbers({ pack }: { readonly pack: PackState }): JSX.Element {
  const slots = pack.tokens + pack.paddingTokens;
  const rows: (readonly [string, string])[] = [
    [t("Files"), count(pack.files)],
    [t("Tokens"), count(pack.tokens)],
    [t("Blocks of 128"), count(pack.blocks)],
    [t("Padding"), slots > 0 ? percent(pack.paddingTokens / slots) : "–"],
  ];
  if (pack.budgetTokens > 0) {
    const part = percent(pack.tokens / pack.budgetTokens);
    rows.push([t("Budget"), t("{0} of {1}", part, compact(pack.budgetTokens))]);
  }
  if (pack.estimateMs !== undefined) {
    rows.push([t("Time to read all"), t("up to {0}", duration(pack.estimateMs))]);
  }
  return (
    <dl class="numbers">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function OverBudget(props: { readonly pack: PackState; readonly channel: AskClient }): JSX.Element {
  const { pack, channel } = props;
  return (
    <section class="over-budget" role="alert">
      <p>
        {t(
          "The pack has {0} tokens and the budget is {1}. What should be left out?",
          pack.tokens,
          pack.budgetTokens,
        )}
      </p>
      <ul class="plain">
        {(pack.largest ?? []).map(({ path, tokens }) => (
          <li key={path} class="largest">
            <TextLink
              onPress={() => void channel.request("setIncluded", { path, included: false })}
            >
              {t("Leave out {0}", safeText(path))}
            </TextLink>
            <span class="file-focus">{compact(tokens)}</span>
          </li>
        ))}
      </ul>
      <Button onPress={() => void channel.request("act", { action: "openSettings" })}>
        {t("Raise the Budget")}
      </Button>
    </section>
  );
}

function Folder(props: {
  readonly folder: string;
  readonly depth: number;
  readonly whole: number;
  readonly channel: AskClient;
  readonly version: string;
}): JSX.Element {
  const { folder, depth, whole, channel, version } = props;
  const [entries, setEntries] = useState<readonly PackEntry[]>([]);
  useEffect(() => {
    let isCurrent = true;
    void channel.request("listFolder", { folder }).then((found) => {
      if (isCurrent) setEntries(found);
    });
    return () => {
      isCurrent = false;
    };
  }, [channel, folder, version]);
  /** Shown at once; the numbers follow with the next pack. */
  const toggle = (path: string, included: boolean): void => {
    setEntries(entries.map((entry) => (entry.path === path ? { ...entry, included } : entry)));
    void channel.request("setIncluded", { path, included });
  };
  const left = entries.length - MOST_ROWS;
  return (
    <ul class="plain pack-tree" aria-label={folder === "" ? t("Packed files") : safeText(folder)}>
      {entries.slice(0, MOST_ROWS).map((entry) => (
        <Entry key={entry.path} {...{ entry, depth, whole, channel, version, toggle }} />
      ))}
      {left > 0 ? <li class="note">{t("and {0} more", left)}</li> : null}
    </ul>
  );
}

function Entry(props: {
  readonly entry: PackEntry;
  readonly depth: number;
  readonly whole: number;
  readonly channel: AskClient;
  readonly version: string;
  readonly toggle: (path: string, included: boolean) => void;
}): JSX.Element {
  const { entry, depth, whole, channel, version, toggle } = props;
  const [isOpen, setOpen] = useState(false);
  const isFolder = entry.path.endsWith("/");
  const name = safeText(entry.name);
  return (
    <li>
      <div class={`pack-row ${entry.included ? "" : "left-out"}`} style={{ "--depth": depth }}>
        {isFolder ? (
          <button
            type="button"
            class={`twistie ${isOpen ? "open" : ""}`}
            aria-expanded={isOpen}
            aria-label={name}
            onClick={() => setOpen(!isOpen)}
          >
            <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
              <path d="M6 4l4 4-4 4" />
            </svg>
          </button>
        ) : (
          <span class="twistie" />
        )}
        <Checkbox
          checked={entry.included}
          label={t("Read {0}", name)}
          hideLabel
          onToggle={(included) => toggle(entry.path, included)}
        />
        {isFolder ? (
          <span class="pack-name" title={safeText(entry.path)}>
            {name}
          </span>
        ) : (
          <TextLink
            className="pack-name"
            title={safeText(entry.path)}
            onPress={() =>
              void channel.request("open", { path: entry.path, startLine: 1, endLine: 1 })
            }
          >
            {name}
          </TextLink>
        )}
        <Bar value={whole > 0 ? entry.tokens / whole : 0} />
        <span class="pack-tokens" title={t("{0} tokens in {1} blocks", entry.tokens, entry.blocks)}>
          {compact(entry.tokens)}
        </span>
      </div>
      {isFolder && isOpen ? (
        <Folder
          folder={entry.path}
          depth={depth + 1}
          whole={whole}
          channel={channel}
          version={version}
        />
      ) : null}
    </li>
  );
}

function Skipped(props: { readonly pack: PackState; readonly channel: AskClient }): JSX.Element {
  const total = props.pack.skipped.reduce((sum, entry) => sum + entry.count, 0);
  return (
    <details class="skipped">
      <summary>{t("Skipped: {0}", total)}</summary>
      {props.pack.skipped.map(({ reason, count: files }) => (
        <SkippedReason key={reason} reason={reason} files={files} channel={props.channel} />
      ))}
    </details>
  );
}

function SkippedReason(props: {
  readonly reason: SkipReason;
  readonly files: number;
  readonly channel: AskClient;
}): JSX.Element {
  const { reason, channel } = props;
  const [entries, setEntries] = useState<readonly SkippedEntry[]>();
  return (
    <details
      onToggle={(event) => {
        if (event.currentTarget.open && entries === undefined) {
          void channel.request("listSkipped", { reason }).then(setEntries);
        }
      }}
    >
      <summary>
        {skipReasonLabel(reason)} <span class="file-focus">{count(props.files)}</span>
      </summary>
      <ul class="plain skipped-list">
        {(entries ?? []).slice(0, MOST_ROWS).map(({ path, rule }) => (
          <li key={path}>
            <span>{safeText(path)}</span>
            {rule === undefined ? null : (
              <span class="note">
                {safeText(rule.text)}
                {rule.file === undefined
                  ? ""
                  : ` (${safeText(rule.file)}${rule.line === undefined ? "" : `:${rule.line}`})`}
              </span>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
