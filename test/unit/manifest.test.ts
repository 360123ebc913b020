import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import english from "../../package.nls.json" with { type: "json" };
import japanese from "../../package.nls.ja.json" with { type: "json" };
import bundle from "../../l10n/bundle.l10n.ja.json" with { type: "json" };
import { l10nStrings } from "../fakes/l10nStrings.js";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const source = (file: string): string => readFileSync(path.join(root, file), "utf8");
const { contributes, capabilities } = manifest;
const settings: Record<string, { scope?: string; default?: unknown }> =
  contributes.configuration.properties;
const strings = l10nStrings(root);

/** Names in the table of src/commands.ts, which the compiler keeps in step with the handlers. */
const handled = [
  ...(/COMMANDS = \[([^\]]*)\]/.exec(source("src/commands.ts"))?.[1]?.matchAll(/"(\w+)"/g) ?? []),
].map(([, name]) => `blocksight.${name ?? ""}`);

describe("the manifest", () => {
  it("has exactly the commands that have handlers", () => {
    expect(handled.length).toBeGreaterThan(15);
    expect(contributes.commands.map(({ command }) => command).sort()).toEqual([...handled].sort());
  });

  it("gives every command a title and the one category", () => {
    for (const { title, category } of contributes.commands) {
      expect(title).toMatch(/^%command\.\w+%$/);
      expect(category).toBe("Blocksight");
    }
  });

  it("names in menus, keys and welcome texts only commands that exist", () => {
    const named = JSON.stringify([contributes.menus, contributes.keybindings, english]).matchAll(
      /(?:"command":"|command:)(blocksight\.\w+)/g,
    );
    for (const [, command] of named) expect(handled).toContain(command);
  });

  it("declares every setting that is read, and reads every one that is declared", () => {
    const read = [
      ...source("src/platform/config.ts").matchAll(/(?:text|number|flag|list)\("([\w.]+)"\)/g),
    ];
    const keys = new Set(read.map(([, key]) => `blocksight.${key ?? ""}`));
    expect([...keys].sort()).toEqual(Object.keys(settings).sort());
  });

  it("lets no workspace set a path", () => {
    const paths = Object.entries(settings).filter(([key]) => /folder|path|threads/i.test(key));
    expect(paths.length).toBeGreaterThan(1);
    for (const [key, { scope }] of paths) {
      expect(scope).toBe("machine");
      expect(capabilities.untrustedWorkspaces.restrictedConfigurations).toContain(key);
    }
  });

  it("declares each chat surface under the name with which it is registered", () => {
    const [participant] = contributes.chatParticipants;
    const [tool] = contributes.languageModelTools;
    const [provider] = contributes.languageModelChatProviders;
    expect(source("src/views/adapters.ts")).toContain(`"${participant?.id ?? ""}"`);
    expect(source("src/views/adapters.ts")).toContain(`"${tool?.name ?? ""}"`);
    expect(source("src/views/chatProvider.ts")).toContain(`VENDOR = "${provider?.vendor ?? ""}"`);
  });

  it("has a file for every icon and picture", () => {
    const files = JSON.stringify(manifest).matchAll(/"(media\/[\w./-]+)"/g);
    for (const [, file] of files) expect(source(file ?? "").length).toBeGreaterThan(0);
  });

  it("uses every text of package.nls.json and has each in Japanese", () => {
    const used = new Set(
      [...JSON.stringify(manifest).matchAll(/%([\w.]+)%/g)].map(([, key]) => key),
    );
    expect([...used].sort()).toEqual(Object.keys(english).sort());
    expect(Object.keys(japanese).sort()).toEqual(Object.keys(english).sort());
  });
});

/** They pass on what was a literal at another call. */
const TRANSLATORS = ["l10n.ts", path.join("platform", "say.ts")];

describe("the Japanese of the views", () => {
  it("is complete and holds nothing else", () => {
    expect(strings.size).toBeGreaterThan(100);
    expect(Object.keys(bundle).sort()).toEqual([...strings].sort());
  });

  it("keeps the places of values", () => {
    const places = (text: string): string[] => [...new Set(text.match(/\{\d\}/g))].sort();
    for (const [from, to] of Object.entries(bundle)) expect(places(to), from).toEqual(places(from));
  });

  it("passes only literal texts to the translation, so that none is missed", () => {
    const calls = ["src", "webview"].flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => /\.tsx?$/.test(file) && !TRANSLATORS.includes(file))
        .flatMap((file) => [
          ...source(path.join(folder, file)).matchAll(
            /(?<!function )\b(?:l10n\.t|phrase)\(\s*([^\s"])/g,
          ),
        ]),
    );
    expect(calls).toEqual([]);
  });
});
