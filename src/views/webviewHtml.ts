/** The page of every view: a strict policy, one script, one style sheet, and the boot data. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Boot } from "../shared/messages.js";
import { EMPTY_STYLE, pageHtml } from "../shared/pageHtml.js";

export function webviewHtml(webview: vscode.Webview, dist: vscode.Uri, view: Boot["view"]): string {
  const resource = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
  const nonce = randomBytes(18).toString("base64");
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource} ${EMPTY_STYLE}`,
    `script-src 'nonce-${nonce}'`,
    `img-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
  ].join("; ");
  return pageHtml({
    title: "Blocksight",
    policy,
    head: `<link rel="stylesheet" href="${resource("webview.css")}">`,
    boot: bootData(view),
    tail: `<script nonce="${nonce}" src="${resource("webview.js")}"></script>`,
  });
}

/** Language and strings, for views and for reports. */
export function bootData(view: Boot["view"]): Boot {
  // `bundle` holds the strings of l10n/bundle.l10n.LANGUAGE.json; undefined for English.
  const bundle = vscode.l10n.bundle ?? {};
  const strings = Object.fromEntries(
    Object.entries(bundle).map(([key, value]) => [
      key,
      typeof value === "string" ? value : (value as { message: string }).message,
    ]),
  );
  return { view, locale: vscode.env.language, strings };
}
