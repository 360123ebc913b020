import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import type { AskState } from "../../src/shared/messages.js";
import { t } from "../l10n.js";
import { Button, QuestionBox } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { safeText, shortPath } from "../ui/safeText.js";
import type { AskClient } from "./askClient.js";

/** The box grows with its text up to this height, then it scrolls. */
const MOST_PIXELS = 160;

export function Composer(props: {
  readonly state: AskState;
  readonly draft: string;
  readonly isBusy: boolean;
  readonly onDraft: (text: string) => void;
  readonly onAsk: () => void;
  readonly channel: AskClient;
  readonly boxRef: (element: HTMLTextAreaElement | null) => void;
}): JSX.Element {
  const { state, draft, isBusy, channel } = props;
  const box = useRef<HTMLTextAreaElement | null>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight + 2, MOST_PIXELS)}px`;
  }, [draft]);
  const isFollowUp = state.turns.length > 0;

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        props.onAsk();
      }}
    >
      <div class="chips">
        {state.about === undefined ? null : (
          <Chip
            label={t("About {0}", safeText(state.about))}
            onRemove={() => void channel.request("clearScope", { path: undefined })}
          />
        )}
        {state.scope.map((path) => (
          <Chip
            key={path}
            label={t("Within {0}", shortPath(path, 28))}
            title={safeText(path)}
            onRemove={() => void channel.request("clearScope", { path })}
          />
        ))}
        <button
          type="button"
          class="chip chip-add"
          onClick={() => void channel.request("chooseScope", undefined)}
        >
          <Icon name="folder" />
          {state.scope.length === 0 ? t("Whole workspace") : t("Add folder")}
        </button>
      </div>
      <div class="composer-row">
        <QuestionBox
          value={draft}
          label={isFollowUp ? t("Follow-up question") : t("Question")}
          placeholder={isFollowUp ? t("Ask a follow-up question") : t("Ask about this repository")}
          onInput={props.onDraft}
          onSubmit={props.onAsk}
          boxRef={(element) => {
            box.current = element;
            props.boxRef(element);
          }}
        />
        {isBusy ? (
          <Button
            key="stop"
            kind="secondary"
            label={t("Stop")}
            onPress={() => void channel.request("stop", undefined)}
          >
            <Icon name="stop" />
          </Button>
        ) : (
          <Button
            key="ask"
            kind="primary"
            label={t("Ask")}
            disabled={draft.trim() === ""}
            onPress={props.onAsk}
          >
            <Icon name="send" />
          </Button>
        )}
      </div>
    </form>
  );
}

function Chip(props: {
  readonly label: string;
  readonly title?: string;
  readonly onRemove: () => void;
}): JSX.Element {
  return (
    <span class="chip" title={props.title ?? props.label}>
      {props.label}
      <button
        type="button"
        class="chip-remove"
        aria-label={t("Remove: {0}", props.label)}
        onClick={props.onRemove}
      >
        <Icon name="close" />
      </button>
    </span>
  );
}
