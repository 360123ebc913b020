/**
 * The languages that are parsed: which files, which grammar, and what counts as a definition. In a
 * query the definition is captured under its kind, and its name as `name`; where two patterns match
 * one definition, the first one counts.
 */

export interface Grammar {
  readonly name: string;
  /** The npm package that holds `wasm`. */
  readonly package: string;
  readonly wasm: string;
  readonly query: string;
  /** A line above a definition that starts so belongs to it: comments, attributes, decorators. */
  readonly lead: RegExp;
}

const slashLead = /^(?:\/\/|\/\*|\*|@)/;

const javascriptQuery = `
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(class_declaration name: (_) @name) @class
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @function
(program (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
(program (export_statement (lexical_declaration
  (variable_declarator name: (identifier) @name) @constant)))
`;

const typescriptQuery = `${javascriptQuery}
(function_signature name: (_) @name) @function
(abstract_class_declaration name: (_) @name) @class
(abstract_method_signature name: (_) @name) @method
(public_field_definition name: (_) @name
  value: [(arrow_function) (function_expression)]) @method
(interface_declaration name: (_) @name) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @enum
(internal_module name: (_) @name) @namespace
(module name: (_) @name) @namespace
`;

const functionName = (declarator: string, name: string): string =>
  `${declarator}(function_declarator declarator: ${name} @name)${")".repeat(declarator.split("(").length - 1)}`;

/** A C function's name stands inside as many pointer declarators as its result has stars. */
function functions(name: string, declarators: readonly string[]): string {
  return declarators
    .flatMap((declarator) => [
      `(function_definition declarator: ${functionName(declarator, name)}) @function`,
      `(declaration declarator: ${functionName(declarator, name)}) @function`,
    ])
    .join("\n");
}

const pointers = ["", "(pointer_declarator ", "(pointer_declarator (pointer_declarator "];

const structsQuery = `
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @union
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (_) @name) @macro
`;

const cQuery = `${functions("(identifier)", pointers)}
${structsQuery}`;

const cppName =
  "[(identifier) (field_identifier) (qualified_identifier) (destructor_name) (operator_name)]";

const cppQuery = `${functions(cppName, [...pointers, "(reference_declarator "])}
${structsQuery}
(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @namespace
`;

const typescript: Omit<Grammar, "name" | "wasm"> = {
  package: "tree-sitter-typescript",
  query: typescriptQuery,
  lead: slashLead,
};

const grammars = {
  typescript: { ...typescript, name: "typescript", wasm: "tree-sitter-typescript.wasm" },
  tsx: { ...typescript, name: "tsx", wasm: "tree-sitter-tsx.wasm" },
  javascript: {
    name: "javascript",
    package: "tree-sitter-javascript",
    wasm: "tree-sitter-javascript.wasm",
    query: `${javascriptQuery}
(field_definition property: (_) @name value: [(arrow_function) (function_expression)]) @method`,
    lead: slashLead,
  },
  python: {
    name: "python",
    package: "tree-sitter-python",
    wasm: "tree-sitter-python.wasm",
    query: `
(function_definition name: (_) @name) @function
(class_definition name: (_) @name) @class
(module (expression_statement (assignment left: (identifier) @name) @constant))
`,
    lead: /^[#@]/,
  },
  rust: {
    name: "rust",
    package: "tree-sitter-rust",
    wasm: "tree-sitter-rust.wasm",
    query: `
(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(struct_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(union_item name: (_) @name) @union
(trait_item name: (_) @name) @trait
(impl_item type: (_) @name) @impl
(mod_item name: (_) @name body: (_)) @module
(type_item name: (_) @name) @type
(const_item name: (_) @name) @constant
(static_item name: (_) @name) @constant
(macro_definition name: (_) @name) @macro
`,
    lead: /^(?:\/\/|\/\*|\*|#\[)/,
  },
  go: {
    name: "go",
    package: "tree-sitter-go",
    wasm: "tree-sitter-go.wasm",
    query: `
(function_declaration name: (_) @name) @function
(method_declaration name: (_) @name) @method
(type_declaration (type_spec name: (_) @name) @type)
(source_file (const_declaration (const_spec name: (identifier) @name) @constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @variable))
`,
    lead: /^(?:\/\/|\/\*|\*|type|const|var)/,
  },
  java: {
    name: "java",
    package: "tree-sitter-java",
    wasm: "tree-sitter-java.wasm",
    query: `
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(record_declaration name: (_) @name) @record
(annotation_type_declaration name: (_) @name) @annotation
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @constructor
`,
    lead: slashLead,
  },
  c: {
    name: "c",
    package: "tree-sitter-c",
    wasm: "tree-sitter-c.wasm",
    query: cQuery,
    lead: slashLead,
  },
  cpp: {
    name: "cpp",
    package: "tree-sitter-cpp",
    wasm: "tree-sitter-cpp.wasm",
    query: cppQuery,
    lead: /^(?:\/\/|\/\*|\*|template|\[\[)/,
  },
} satisfies Record<string, Grammar>;

/** By the file name's last extension. A ".h" is parsed as C++, which reads C headers as well. */
const byExtension: Readonly<Record<string, Grammar>> = {
  ...extensions(grammars.typescript, "ts mts cts"),
  ...extensions(grammars.tsx, "tsx"),
  ...extensions(grammars.javascript, "js mjs cjs jsx"),
  ...extensions(grammars.python, "py pyi pyw"),
  ...extensions(grammars.rust, "rs"),
  ...extensions(grammars.go, "go"),
  ...extensions(grammars.java, "java"),
  ...extensions(grammars.c, "c"),
  ...extensions(grammars.cpp, "cc cpp cxx c++ h hh hpp hxx h++ ipp inl cu cuh"),
};

function extensions(grammar: Grammar, names: string): Record<string, Grammar> {
  return Object.fromEntries(names.split(" ").map((name) => [name, grammar]));
}

export function grammarOf(path: string): Grammar | undefined {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(byExtension, extension) ? byExtension[extension] : undefined;
}
