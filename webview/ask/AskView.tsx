/** Question, answer, and what was read: the side bar's view. Shows `AskState`, keeps only a draft. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { AskState } from "../../src/shared/messages.js";
import type { Host } from "../host.js";
import { t } from "../l10n.js";
import { connectAsk, type AskClient } from "./askClient.js";
import { Composer } from "./Composer.js";
import { History } from "./History.js";
import { PackPanel } from "./PackPanel.js";
import { ProblemCard } from "./ProblemCard.js";
import { Turn } from "./Turn.js";
import { Welcome } from "./Welcome.js";

interface Draft {
  readonly text: string;
}

const isDraft = (value: unknown): value is Draft =>
  typeof value === "object" && value !== null && "text" in value && typeof value.text === "string";

export function AskView({ host }: { readonly host: Host }): JSX.Element {
  const [state, setState] = useState<AskState>();
  const [draft, setDraft] = useState(() => {
    const saved = host.load();
    return isDraft(saved) ? saved.text : "";
  });
  const box = useRef<HTMLTextAreaElement | null>(null);
  const client = useRef<AskClient>(undefined);
  const scroller = useRef<HTMLDivElement>(null);
  const followsEnd = useRef(true);

  useEffect(() => {
    const connected = connectAsk(host, setState, (text) => {
      if (text !== undefined) setDraft(text);
      box.current?.focus();
    });
    client.current = connected;
    void connected.request("ready", undefined).then(setState);
    return () => connected.dispose();
  }, [host]);

  useEffect(() => host.save({ text: draft }), [host, draft]);

  const activity = state?.activity;
  // While the first pack is made a question can be asked already: it waits for the pack.
  const last = state?.turns.at(-1);
  const isRunning = last !== undefined && last.stopReason === undefined && last.error === undefined;
  const isBusy = isRunning && activity !== undefined;

  // The view follows the answer as it grows, unless the reader has scrolled up.
  useEffect(() => {
    const element = scroller.current;
    if (element !== null && followsEnd.current && isBusy) element.scrollTop = element.scrollHeight;
  });

  if (state === undefined || client.current === undefined) return <main aria-busy="true" />;
  const { current: channel } = client;

  const ask = (text: string): void => {
    if (text.trim() === "" || isBusy) return;
    followsEnd.current = true;
    setDraft("");
    void channel.request("ask", { text: text.trim() });
  };

  return (
    <main class="ask">
      <div
        class="conversation"
        ref={scroller}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          followsEnd.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        <h1 class="visually-hidden">{t("Ask this repository")}</h1>
        {state.problem === undefined ? null : (
          <ProblemCard
            problem={state.problem}
            onAct={(action) => void channel.request("act", { action })}
          />
        )}
        <PackPanel state={state} channel={channel} />
        {state.turns.length === 0 ? (
          <Welcome suggestions={state.suggestions} onAsk={ask} />
        ) : (
          state.turns.map((turn, index) => (
            <Turn
              key={turn.id}
              turn={turn}
              channel={channel}
              activity={index === state.turns.length - 1 ? activity : undefined}
            />
          ))
        )}
        {state.turns.length === 0 ? <History items={state.history} channel={channel} /> : null}
      </div>
      <Composer
        state={state}
        draft={draft}
        isBusy={isBusy}
        onDraft={setDraft}
        onAsk={() => ask(draft)}
        channel={channel}
        boxRef={(element) => {
          box.current = element;
        }}
      />
    </main>
  );
}
