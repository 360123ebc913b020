"""The language as reports name it. By itself, so that a training machine reports without tree-sitter."""

from __future__ import annotations


def family(language: str | None) -> str:
    """TypeScript and JavaScript are one."""
    return {"javascript": "ts/js", "typescript": "ts/js", "tsx": "ts/js"}.get(language or "", language or "text")
