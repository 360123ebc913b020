import type { JSX } from "preact";
import type { Problem, ProblemAction } from "../../src/shared/messages.js";
import { problemWords } from "../../src/shared/problemWords.js";
import { say, t } from "../l10n.js";
import { Button } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { safeText } from "../ui/safeText.js";

/** What is wrong, what to do next, and the buttons that do it. Never a stack trace. */
export function ProblemCard(props: {
  readonly problem: Problem;
  readonly onAct: (action: ProblemAction) => void;
}): JSX.Element {
  const { problem, onAct } = props;
  const { title } = problemWords(problem.code);
  return (
    <section class="problem" role="alert">
      <Icon name="warning" className="problem-icon" />
      <div>
        <p class="problem-message">{say(title)}</p>
        <p class="problem-detail">{safeText(say(problem.message), true)}</p>
        <p class="problem-next">{safeText(say(problem.next))}</p>
        <div class="actions">
          {problem.actions.map((action, index) => (
            <Button
              key={action}
              kind={index === 0 ? "primary" : "secondary"}
              onPress={() => onAct(action)}
            >
              {actionLabel(action)}
            </Button>
          ))}
        </div>
      </div>
    </section>
  );
}

function actionLabel(action: ProblemAction): string {
  switch (action) {
    case "getModels":
      return t("Get the Models");
    case "useScout":
      return t("Use the Scout Alone");
    case "openSettings":
      return t("Open Settings");
    case "restartEngine":
      return t("Restart the Engine");
    case "showLog":
      return t("Show Log");
    case "refreshPack":
      return t("Pack Again");
    case "openFolder":
      return t("Open Folder");
    case "retry":
      return t("Ask Again");
  }
}
