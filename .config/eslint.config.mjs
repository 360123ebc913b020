// The dependency rules of docs/architecture.md, kept by lint and not by manners.
import importX, { createNodeResolver } from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

/** Files in `target` may not import from `from`. */
const zone = (target, from, except = []) => ({
  target,
  from,
  except,
  message: "See the dependency rules in docs/architecture.md.",
});

export default tseslint.config(
  {
    ignores: [
      "dist/",
      "build/",
      "coverage/",
      ".config/",
      "node_modules/",
      "test/fixtures/",
      "train/",
      "bench/peers/",
    ],
  },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [...tseslint.configs.strictTypeChecked],
    plugins: { "import-x": importX },
    // Imports name the file that will exist; the rules need the one that does, or they see nothing.
    settings: {
      "import-x/resolver-next": [
        createNodeResolver({ extensionAlias: { ".js": [".ts", ".tsx", ".js"] } }),
      ],
    },
    languageOptions: {
      parserOptions: { projectService: true },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-floating-promises": ["error", { ignoreVoid: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "import-x/no-cycle": "error",
      "no-console": "error",
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      "import-x/no-restricted-paths": [
        "error",
        {
          zones: [
            zone("./src/shared", "./src", ["./shared"]),
            zone("./src/files", "./src", ["./files", "./shared"]),
            zone("./src/symbols", "./src", ["./symbols", "./shared"]),
            zone("./src/pack", "./src", ["./pack", "./shared"]),
            zone("./src/trace", "./src", ["./trace", "./shared"]),
            zone("./src/evidence", "./src", ["./evidence", "./trace", "./shared"]),
            zone("./src/report", "./src", ["./report", "./evidence", "./trace", "./shared"]),
            zone("./src/engine", "./src", ["./engine", "./shared"]),
            zone("./src/engineProcess", "./src", ["./engineProcess", "./shared"]),
            zone("./src/views", "./src/engine"),
            zone("./src/cli", ["./src/views", "./src/workspace", "./src/platform"]),
            zone("./webview", "./src", ["./shared"]),
            zone(["./src", "./webview"], "./test"),
          ],
        },
      ],
    },
  },
  {
    // Only these may know the editor.
    files: ["src/**/*.ts"],
    ignores: [
      "src/extension.ts",
      "src/commands.ts",
      "src/platform/**",
      "src/workspace/**",
      "src/views/**",
    ],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            {
              name: "vscode",
              message:
                "Only extension.ts, commands.ts, platform/, workspace/ and views/ know the editor.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["src/shared/**/*.ts"],
    rules: {
      "no-restricted-imports": ["error", { paths: [{ name: "vscode" }], patterns: ["node:*"] }],
    },
  },
);
