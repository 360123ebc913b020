/** One question: what it read first, the answer, and how much was in sight. */
import type { JSX } from "preact";
import type { Activity, AskTurn, FileFocus } from "../../src/shared/messages.js";
import { count, decimal, duration, percent, t, say } from "../l10n.js";
import { Bar } from "../ui/Bar.js";
import { Button, TextLink } from "../ui/controls.js";
import { PathText } from "../ui/PathText.js";
import { safeText, shortPath } from "../ui/safeText.js";
import { AnswerText } from "./AnswerText.js";
import type { AskClient } from "./askClient.js";
import { ProblemCard } from "./ProblemCard.js";
import { Progress } from "./Progress.js";

export function Turn(props: {
  readonly turn: AskTurn;
  readonly channel: AskClient;
  readonly activity: Activity | undefined;
}): JSX.Element {
  const { turn, channel, activity } = props;
  const isForeground =
    activity !== undefined && !(activity.kind === "reading" && activity.background);
  const { id } = turn;
  const isDone = turn.stopReason !== undefined;
  return (
    <article class="turn" aria-label={safeText(turn.question)}>
      <h2 class="question">{safeText(turn.question, true)}</h2>
      {turn.scope.length === 0 ? null : (
        <p class="note">{t("Within {0}", turn.scope.map((path) => safeText(path)).join(", "))}</p>
      )}
      {turn.notices.map((notice) => (
        <p key={notice.text} class="note">
          {safeText(say(notice))}
        </p>
      ))}
      {isForeground ? <Progress activity={activity} /> : null}
      {turn.files.length === 0 ? null : <FilesRead files={turn.files} channel={channel} />}
      <div class="answer" aria-live="polite" aria-busy={isForeground}>
        <AnswerText turn={turn} channel={channel} />
      </div>
      {turn.error === undefined ? null : (
        <ProblemCard
          problem={turn.error}
          onAct={(action) => void channel.request("act", { action })}
        />
      )}
      {isDone ? <SightLine turn={turn} channel={channel} activity={activity} /> : null}
      {isDone ? (
        <div class="actions turn-actions">
          {turn.stopReason === "cancelled" ? (
            <Button
              kind={turn.hasTrace ? "secondary" : "primary"}
              onPress={() => void channel.request("askAgain", { id })}
            >
              {t("Ask Again")}
            </Button>
          ) : null}
          {turn.hasTrace ? (
            <Button kind="primary" onPress={() => void channel.request("showEvidence", { id })}>
              {t("Show Evidence")}
            </Button>
          ) : null}
          {turn.answer === "" ? null : (
            <>
              <Button onPress={() => void channel.request("copy", { id })}>{t("Copy")}</Button>
              <Button onPress={() => void channel.request("exportAnswer", { id })}>
                {t("Export…")}
              </Button>
            </>
          )}
        </div>
      ) : null}
    </article>
  );
}

/** The files and lines with the most focus: on screen before the first answer token. */
function FilesRead(props: {
  readonly files: readonly FileFocus[];
  readonly channel: AskClient;
}): JSX.Element {
  const most = Math.max(...props.files.map(({ focus }) => focus), 1e-9);
  return (
    <section class="files-read">
      <h3>{t("Read for this question")}</h3>
      <ol class="plain">
        {props.files.map((file) => (
          <li key={file.path} class="file-read">
            <TextLink
              className="file-name"
              title={safeText(file.path)}
              label={t(
                "{0}, lines {1} to {2}, focus {3}",
                safeText(file.path),
                file.startLine,
                file.endLine,
                percent(file.focus),
              )}
              onPress={() => void props.channel.request("open", file)}
            >
              <PathText path={shortPath(file.path, 44)} />
              <span class="lines">{lineRange(file.startLine, file.endLine)}</span>
            </TextLink>
            <span class="file-focus">{percent(file.focus)}</span>
            <Bar value={file.focus / most} />
            <span class="file-symbols">
              {file.changed ? <em class="changed">{t("changed since read")}</em> : null}
              {file.symbols.map((symbol) => safeText(symbol)).join(", ")}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function lineRange(start: number, end: number): string {
  if (start === 0) return "";
  return start === end ? `:${start}` : `:${start}–${end}`;
}

/** "In sight: 14 of 140 segments", what was not, and the button that reads on. */
function SightLine(props: {
  readonly turn: AskTurn;
  readonly channel: AskClient;
  readonly activity: Activity | undefined;
}): JSX.Element | null {
  const { turn, channel, activity } = props;
  const { sight, timings } = turn;
  if (sight === undefined) {
    return (
      <p class="sight">
        <em>{t("Stopped before anything was read.")}</em>
      </p>
    );
  }
  const isAll = sight.segments >= sight.ofSegments;
  const scouted = sight.scouted ?? 0;
  const isNothingScouted = scouted === 0;
  return (
    <section class="sight">
      <p>
        {isAll
          ? t("In sight: all {0} segments.", sight.ofSegments)
          : t("In sight: {0} of {1} segments.", sight.segments, sight.ofSegments)}{" "}
        {turn.stopReason === "cancelled" ? <em>{t("Stopped.")}</em> : null}
        {turn.stopReason === "maxTokens" ? (
          <em>{t("The answer reached its longest length.")}</em>
        ) : null}
        {turn.stopReason === "windowFull" ? (
          <em>{t("The conversation is full: start a new one.")}</em>
        ) : null}
      </p>
      {isAll || isNothingScouted || scouted >= sight.ofSegments ? null : (
        <p class="note">
          {t(
            "Ranked by the scout: {0} of {1} segments, nearest to the question's words or read before. Once it has read on, the next question is ranked over all.",
            scouted,
            sight.ofSegments,
          )}
        </p>
      )}
      {turn.changed.length === 0 ? null : (
        <p class="note changed">
          {t("Changed since read: {0}", turn.changed.map((p) => safeText(p)).join(", "))}
        </p>
      )}
      {isAll || sight.notRead.length === 0 ? null : (
        <details class="not-read">
          <summary>{t("Not in sight, by what the scout thought of them")}</summary>
          <ul class="plain">
            {sight.notRead.map(({ path, scoutFocus }) => (
              <li key={path}>
                <TextLink
                  title={safeText(path)}
                  onPress={() => void channel.request("open", { path, startLine: 1, endLine: 1 })}
                >
                  <PathText path={shortPath(path, 44)} />
                </TextLink>
                <span class="file-focus">
                  {scoutFocus === null ? t("not ranked") : percent(scoutFocus)}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {isAll ? null : activity?.kind === "reading" && activity.background ? (
        <Progress activity={activity} />
      ) : (
        <Button onPress={() => void channel.request("readOn", { id: turn.id })}>
          {t("Read On")}
        </Button>
      )}
      {timings === undefined || timings.decodeTokens === 0 ? null : (
        <p class="note">
          {t(
            "{0} tokens read, {1} reused; first token after {2}; {3} tokens at {4} a second.",
            count(timings.prefillTokens),
            count(timings.reusedTokens),
            duration(timings.firstTokenMs),
            count(timings.decodeTokens),
            decimal(timings.decodeTokens / Math.max(timings.decodeMs / 1000, 1e-3), 1),
          )}
        </p>
      )}
    </section>
  );
}
