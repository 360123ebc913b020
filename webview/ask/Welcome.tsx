import type { JSX } from "preact";
import { say, t } from "../l10n.js";
import type { Phrase } from "../../src/shared/phrase.js";
import { TextLink } from "../ui/controls.js";
import { safeText } from "../ui/safeText.js";

/** What to do first, in a few lines; the questions are made from this workspace's own names. */
export function Welcome(props: {
  readonly suggestions: readonly Phrase[];
  readonly onAsk: (text: string) => void;
}): JSX.Element {
  return (
    <section class="welcome">
      <p>
        {t(
          "Ask in plain words. A local model reads the repository and shows which lines it read. Nothing leaves this machine.",
        )}
      </p>
      {props.suggestions.length === 0 ? null : (
        <ul class="plain suggestions">
          {props.suggestions.map(say).map((text) => (
            <li key={text}>
              <TextLink onPress={() => props.onAsk(text)}>{safeText(text)}</TextLink>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
