import { describe, expect, it } from "vitest";
import { escapeHtml, pageHtml } from "../../src/shared/pageHtml.js";
import { safeText, shortPath } from "../../webview/ui/safeText.js";

describe("hostile text", () => {
  it("shows bidirectional and control characters instead of obeying them", () => {
    expect(safeText("a\u202egpj.exe\u001b[31m\n")).toBe("a⟨202E⟩gpj.exe⟨001B⟩[31m⟨000A⟩");
  });

  it("keeps the breaks of an answer", () => {
    expect(safeText("a\n\tb\r", true)).toBe("a\n\tb⟨000D⟩");
  });

  it("cuts a path in its folders and keeps its name", () => {
    expect(shortPath("packages/very/long/way/to/a/file.test.ts", 24)).toBe(
      "packages/v…/file.test.ts",
    );
    expect(shortPath("src/a.ts", 24)).toBe("src/a.ts");
  });

  it("keeps the beginning and the end of a name that is too long by itself", () => {
    const name = "AbstractCustomerRepositoryFactoryBean.java";
    expect(shortPath(`src/main/${name}`, 24)).toBe("AbstractCustom…Bean.java");
    expect(shortPath(name, 24)).toHaveLength(24);
  });

  it("cannot leave the attribute that carries the boot data", () => {
    const boot = { view: "ask", locale: `en"><script>`, strings: { "'\"<": "</body>" } } as const;
    const html = pageHtml({ title: "<b>", policy: "default-src 'none'", head: "", boot, tail: "" });
    expect(html).not.toMatch(/<script>|<b>|<\/body>.*<\/body>/s);
    const attribute = /data-boot="([^"]*)"/.exec(html)?.[1] ?? "";
    expect(attribute).toBe(escapeHtml(JSON.stringify(boot)));
  });
});
