/** Mounts the view that the page was made for. */
import { render } from "preact";
import { AskView } from "./ask/AskView.js";
import { readBoot } from "./boot.js";
import { EvidenceView } from "./evidence/EvidenceView.js";
import { editorHost } from "./host.js";
import { setLanguage } from "./l10n.js";
import { reportHost } from "./reportHost.js";
import "./style/main.css";
import { registerControls } from "./ui/controls.js";

const boot = readBoot();
setLanguage(boot.locale, boot.strings);
registerControls();
switch (boot.view) {
  case "ask":
    render(<AskView host={editorHost()} />, document.body);
    break;
  case "evidence":
    render(<EvidenceView host={editorHost()} />, document.body);
    break;
  case "report":
    render(<EvidenceView host={reportHost()} />, document.body);
    break;
}
