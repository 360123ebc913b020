import type { JSX } from "preact";
import type { HistoryItem } from "../../src/shared/messages.js";
import { t, when } from "../l10n.js";
import { TextLink } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { safeText } from "../ui/safeText.js";
import type { AskClient } from "./askClient.js";

export function History(props: {
  readonly items: readonly HistoryItem[];
  readonly channel: AskClient;
}): JSX.Element | null {
  if (props.items.length === 0) return null;
  return (
    <section class="history">
      <h2>{t("Asked before")}</h2>
      <ul class="plain">
        {props.items.map(({ id, question, askedAt, stopped }) => (
          <li key={id} class="history-item">
            <TextLink
              onPress={() => void props.channel.request("showHistory", { id })}
              title={when(askedAt)}
            >
              {safeText(question)}
            </TextLink>
            {stopped === true ? <span class="note">{t("stopped")}</span> : null}
            <button
              type="button"
              class="chip-remove"
              aria-label={t("Forget: {0}", safeText(question))}
              onClick={() => void props.channel.request("forget", { id })}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
