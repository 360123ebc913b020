"""Definitions of a source file, by tree-sitter: names, lines, signatures, comments that describe them.

Five languages, one shape. Lines are 0-based here, ends exclusive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

GRAMMARS = {
    "python": tree_sitter_python.language,
    "javascript": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "tsx": tree_sitter_typescript.language_tsx,
    "go": tree_sitter_go.language,
    "rust": tree_sitter_rust.language,
    "java": tree_sitter_java.language,
}
EXTENSIONS = {
    "py": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "javascript",
    "ts": "typescript", "tsx": "tsx", "go": "go", "rs": "rust", "java": "java",
}  # fmt: skip
SOURCE = re.compile(r"\.(" + "|".join(EXTENSIONS) + r")$")
NOT_PLAIN = re.compile(
    r"(^|/)(tests?|testing|__tests__|spec|fixtures?|examples?|docs?|bench\w*|vendor|third_party|node_modules|dist|testdata|snippets?)(/|$)"
    r"|(^|/)(test_|conftest)|[._-](test|spec|bench)s?\.|_test\.|Tests?\.java$|\.min\.|\.d\.ts$|generated|\.pb\.|__version__|setup\.py$",
    re.I,
)

CONTAINERS = {
    "class_definition", "class_declaration", "abstract_class_declaration", "interface_declaration", "impl_item", "trait_item",
    "enum_declaration", "record_declaration", "mod_item", "internal_module", "module",
}  # fmt: skip
FUNCTIONS = {
    "function_definition", "function_declaration", "generator_function_declaration", "method_definition", "method_declaration",
    "function_item", "function_signature_item", "constructor_declaration",
}  # fmt: skip
TYPES = {
    "class_definition", "class_declaration", "abstract_class_declaration", "interface_declaration", "type_alias_declaration",
    "enum_declaration", "record_declaration", "struct_item", "enum_item", "trait_item", "type_item", "type_spec", "union_item",
}  # fmt: skip
WRAPPERS = {
    "export_statement",
    "decorated_definition",
    "type_declaration",
    "lexical_declaration",
    "variable_declaration",
}
BODIES = ("body", "class_body", "declaration_list")
FUNCTION_VALUES = ("arrow_function", "function_expression", "generator_function")
# What a module assigns its functions to, which is no type that they belong to.
MODULE_OBJECTS = {"exports", "module", "module.exports"}


@dataclass(frozen=True)
class Definition:
    name: str
    parent: str  # the type it belongs to, or ""
    kind: str  # "function" or "type"
    first: int
    end: int
    signature: str  # one line, from the name's line to the body
    doc: str | None  # first sentence of the comment or docstring
    doc_lines: range  # where that comment stands

    @property
    def dotted(self) -> str:
        return f"{self.parent}.{self.name}" if self.parent else self.name


def language_of(path: str) -> str | None:
    return EXTENSIONS.get(path.rsplit(".", 1)[-1]) if "." in path else None


@cache
def _parser(language: str) -> Parser:
    return Parser(Language(GRAMMARS[language]()))


def first_sentence(comment: str) -> str | None:
    """A describing first sentence, 25 to 200 characters, without markup; None if there is none."""
    text = re.sub(r"^\s*(/\*\*?|\*/|\*(?!\*)|///?!?|//!|#+)\s?", "", comment, flags=re.M)
    text = re.sub(r"^[rRbBuUfF]{0,2}(?=[\"'])", "", text.replace("*/", "").strip()).strip(" \n\"'")
    text = re.split(r"\n\s*\n|\n\s*[@:]\w+|\n\s*#\s", text)[0]
    text = re.sub(r"\{@(?:link|code)\s+([^}]*)\}|<[^>]{1,40}>|:\w+:(?=`)", lambda m: m.group(1) or "", text)
    sentence = re.split(r"(?<=[.!?])\s", " ".join(text.split()))[0]
    bad = re.match(r"(:|todo|fixme|copyright|eslint|nolint|noqa|go:|@|deprecated|see |internal)", sentence, re.I)
    return sentence if 25 <= len(sentence) <= 200 and not bad and sentence.count(" ") >= 3 else None


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf8", "replace")


def _name(node: Node) -> str | None:
    if node.type == "impl_item":
        kind = node.child_by_field_name("type")
        return re.sub(r"<.*", "", _text(kind)) if kind else None
    name = node.child_by_field_name("name")
    return _text(name) if name else None


def _assigned(statement: Node) -> tuple[str, str, Node] | None:
    """JavaScript's `owner.name = function …`: name, owner and the function. The owner of `Type.prototype.name` is Type."""
    node = statement.named_children[0] if statement.type == "expression_statement" and statement.named_children else statement
    if node.type != "assignment_expression":
        return None
    target, value = (node.child_by_field_name(field) for field in ("left", "right"))
    while value is not None and value.type == "assignment_expression":  # res.a = res.b = function …: the first name counts
        value = value.child_by_field_name("right")
    if target is None or value is None or target.type != "member_expression" or value.type not in FUNCTION_VALUES:
        return None
    owner, name = (_text(part) if (part := target.child_by_field_name(field)) else "" for field in ("object", "property"))
    if (owner, name) == ("module", "exports"):
        return None  # without a name
    owner = owner.removesuffix(".prototype")
    plain = owner if re.fullmatch(r"[A-Za-z_$][\w$]*", owner) and owner not in MODULE_OBJECTS else ""
    return name, plain, value


def _receiver(node: Node) -> str:
    """The type of a Go method's receiver."""
    receiver = node.child_by_field_name("receiver")
    match = re.search(r"(\w+)(?:\[[^\]]*\])?\s*\)$", _text(receiver)) if receiver else None
    return match.group(1) if match else ""


def _comment(node: Node, language: str, body: Node | None) -> tuple[str | None, range]:
    """The describing comment: Python's docstring, elsewhere the comment lines that end right above."""
    if language == "python":
        first = body.named_children[0] if body is not None and body.named_children else None
        inner = first.named_children[0] if first is not None and first.type == "expression_statement" and first.named_children else None
        if first is not None and inner is not None and inner.type == "string" and len(body.named_children) > 1:
            return first_sentence(_text(first)), range(first.start_point[0], first.end_point[0] + 1)
        return None, range(0)
    outer = node
    while outer.parent is not None and outer.parent.type in WRAPPERS and outer.parent.start_point[0] == node.start_point[0]:
        outer = outer.parent
    parts, above, sibling = [], outer.start_point[0], outer.prev_named_sibling
    while sibling is not None and sibling.type == "attribute_item":
        above, sibling = sibling.start_point[0], sibling.prev_named_sibling
    end = above
    while sibling is not None and "comment" in sibling.type:
        last = sibling.end_point[0] - (1 if sibling.end_point[1] == 0 else 0)
        if last not in (above, above - 1):
            break
        parts.append(_text(sibling).rstrip("\n"))
        above, sibling = sibling.start_point[0], sibling.prev_named_sibling
    if not parts or (language in ("javascript", "typescript", "tsx", "java") and not parts[0].startswith("/**")):
        return None, range(0)
    return first_sentence("\n".join(reversed(parts))), range(above, end)


def _definition(node: Node, name: str, parent: str, kind: str, language: str, value: Node | None = None) -> Definition:
    holder = value or node
    body = next((b for b in map(holder.child_by_field_name, BODIES) if b is not None), None)
    raw = (node.text or b"")[: (body.start_byte if body is not None else node.end_byte) - node.start_byte]
    raw = re.sub(rb"^(@\w+(\([^)]*\))?\s+)+", b"", raw)  # annotations
    signature = re.sub(r"(\s*(=>|[:{=]))+$", "", re.sub(r"\s+", " ", raw.decode("utf8", "replace")).strip())
    doc, doc_lines = _comment(node, language, body)
    return Definition(name, parent, kind, node.start_point[0], node.end_point[0] + 1, signature, doc, doc_lines)


def definitions(source: str, language: str) -> list[Definition]:
    """All named functions, methods and types, in the order of the file. A file that does not parse gives what it can."""
    found: list[Definition] = []

    def visit(node: Node, parent: str, depth: int) -> None:
        for child in node.named_children:
            name = _name(child) if child.type in FUNCTIONS | TYPES | CONTAINERS else None
            if child.type in FUNCTIONS and name:
                owner = _receiver(child) or parent
                found.append(_definition(child, name, owner, "function", language))
            elif child.type in TYPES and name:
                found.append(_definition(child, name, parent, "type", language))
            elif child.type == "variable_declarator":
                value, target = child.child_by_field_name("value"), child.child_by_field_name("name")
                if value is not None and target is not None and value.type in FUNCTION_VALUES:
                    found.append(_definition(child, _text(target), parent, "function", language, value))
            elif (assigned := _assigned(child)) is not None:
                found.append(_definition(child, *assigned[:2], "function", language, assigned[2]))
            if depth < 6 and (child.type in CONTAINERS | set(WRAPPERS) or child.type in (*BODIES, "block", "interface_body", "enum_body")):
                inner = parent
                if child.type in CONTAINERS and child.type not in ("mod_item", "module", "internal_module"):
                    inner = name or parent
                visit(child, inner, depth + 1)

    visit(_parser(language).parse(source.encode()).root_node, "", 0)
    return [d for d in found if re.fullmatch(r"[A-Za-z_$][\w$]*", d.name)]
