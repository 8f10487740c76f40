"""Statements: which lines of a function belong to which statement, and what each statement assigns.

Knows Python's syntax trees. Does not know TRL, frames or records.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Statement:
    """One statement of a function: the lines it spans itself (bodies excluded) and the expressions it assigns."""

    start: int  # of the file, from 1
    end: int
    names: tuple[str, ...]  # source text of each target: `loss`, `output["input_ids"]`, `self.beta`
    returns: bool = False
    headed: tuple[int, ...] = ()  # lines of `else:`, `try:`, `finally:` that belong to this statement's branch


def plan(node: ast.FunctionDef, source: str) -> dict[int, Statement]:
    """Line of the file → innermost statement of the function on that line; nested functions count as one statement."""
    rows = source.split("\n")
    found: dict[int, Statement] = {}

    def names(*targets: ast.AST | None) -> tuple[str, ...]:
        flat: list[str] = []
        for target in targets:
            if isinstance(target, (ast.Tuple, ast.List)):
                flat += names(*target.elts)
            elif isinstance(target, ast.Starred):
                flat += names(target.value)
            elif target is not None and not _calls(target):
                flat.append(ast.get_source_segment(source, target))
        return tuple(flat)

    def visit(body: list[ast.stmt], keyword: str | None = None, after: int = 0) -> None:
        for number, child in enumerate(body):
            headed = _keyword_line(rows, keyword, after, child.lineno) if number == 0 and keyword else ()
            statement = _statement(child, names, headed)
            for line in range(statement.start, statement.end + 1):
                found[line] = statement
            if isinstance(child, SCOPES):
                continue
            visit(getattr(child, "body", []), "try" if isinstance(child, ast.Try) else None, child.lineno - 1)
            for handler in getattr(child, "handlers", []):
                visit(handler.body, "except", handler.lineno - 1)
            for case in getattr(child, "cases", []):
                visit(case.body, "case", case.pattern.lineno - 1)
            for part, word in (("orelse", "else"), ("finalbody", "finally")):
                rest = getattr(child, part, [])
                if rest:
                    elif_ = (
                        word == "else"
                        and isinstance(child, ast.If)
                        and rows[rest[0].lineno - 1].lstrip().startswith("elif")
                    )
                    visit(rest, None if elif_ else word, child.lineno)

    visit(node.body)
    return found


def _statement(node: ast.stmt, names, headed: tuple[int, ...]) -> Statement:
    start, end, targets = node.lineno, node.end_lineno, ()
    if isinstance(node, ast.Assign):
        targets = names(*node.targets)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For, ast.AsyncFor)):
        targets = names(node.target)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        targets = names(*(item.optional_vars for item in node.items))
    elif isinstance(node, ast.Expr) and _appends(node.value):
        targets = names(node.value.func.value)
    elif isinstance(node, ast.Match):
        end = node.cases[0].pattern.lineno - 1
    elif isinstance(node, SCOPES):
        start = min([start, *(decorator.lineno for decorator in node.decorator_list)])
    if isinstance(getattr(node, "body", None), list):
        # A compound statement is its header: up to its body, since a closing `):` has no node of its own.
        end = max(start, node.body[0].lineno - 1)
    return Statement(start, end, targets, isinstance(node, ast.Return), headed)


def _appends(node: ast.expr) -> bool:
    """`x.append(…)`, `x.update(…)` or `x.extend(…)` on something that can be read again without a call."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr not in ("append", "extend", "update"):
        return False
    return not _calls(node.func.value)


def _calls(node: ast.AST) -> bool:
    """Whether reading the expression again would call something."""
    return any(isinstance(part, ast.Call) for part in ast.walk(node))


def _keyword_line(rows: list[str], keyword: str, after: int, before: int) -> tuple[int, ...]:
    """The line of the `else:` (or the like) nearest above a branch's first statement."""
    for line in range(before, after, -1):
        if rows[line - 1].lstrip().startswith(keyword):
            return (line,)
    return ()
