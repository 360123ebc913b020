/** Mounts the view that the page was made for. */
import { render } from "preact";
import { AskView } from "./ask/AskView.js";
import { readBoot } from "./boot.js";
import { editorHost } from "./host.js";
import { setLanguage } from "./l10n.js";
import "./style/main.css";
import { registerControls } from "./ui/controls.js";

const boot = readBoot();
setLanguage(boot.locale, boot.strings);
registerControls();
if (boot.view === "ask") render(<AskView host={editorHost()} />, document.body);
