import type { SkipReason } from "../../src/shared/pack.js";
import { t } from "../l10n.js";

export function skipReasonLabel(reason: SkipReason): string {
  switch (reason) {
    case "ignored":
      return t("Ignored by a rule");
    case "binary":
      return t("Binary");
    case "notebookOutputs":
      return t("Notebook outputs");
    case "symbolicLink":
      return t("Symbolic link");
    case "encoding":
      return t("Not UTF-8");
    case "tooLarge":
      return t("Too large");
    case "generated":
      return t("Generated");
    case "lockFile":
      return t("Lock file");
    case "minified":
      return t("Minified");
    case "likelySecret":
      return t("Likely a secret");
    case "outsideRoot":
      return t("Link that leaves the workspace");
    case "unreadable":
      return t("Could not be read");
    case "empty":
      return t("Empty");
    case "overBudget":
      return t("Over budget");
    case "unsafeName":
      return t("Name that cannot be shown");
  }
}
