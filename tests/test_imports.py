"""Imports inside the small library point one way, and nothing that a build imports pulls in torch or trl."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "scripts" / "trldoc"
RUNS = {"hub", "runner", "recorder"}  # the modules that run things; a build imports none of them


def imports(path: Path) -> set[str]:
    """Modules of the package that a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or (node.module or "").startswith("trldoc")):
            module = (node.module or "").removeprefix("trldoc").lstrip(".")
            found |= {module} if module else {alias.name for alias in node.names}
    return {name for name in found if (PACKAGE / f"{name}.py").exists()}


GRAPH = {path.stem: imports(path) for path in sorted(PACKAGE.glob("*.py"))}
LEAVES = {"library", "pages", "records", "formulas", "hub"}


def reachable(start: str) -> set[str]:
    seen, todo = set(), [start]
    while todo:
        for name in GRAPH[todo.pop()] - seen:
            seen.add(name)
            todo.append(name)
    return seen


def test_no_module_reaches_itself():
    assert [name for name in GRAPH if name in reachable(name)] == []


def test_leaves_know_nothing_of_one_another():
    assert {name: reachable(name) & LEAVES for name in LEAVES if reachable(name) & LEAVES} == {}


def test_only_the_edge_imports_the_edge():
    assert [name for name, found in GRAPH.items() if "markdown_ext" in found] == []


def test_a_build_imports_nothing_that_runs():
    build = {"markdown_ext"} | reachable("markdown_ext")
    assert build & RUNS == set()
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import trldoc.markdown_ext; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"torch", "trl", "transformers", "datasets"} & set(loaded) == set()


def test_modules_stay_small():
    """At most 200 lines of code a module: docstrings, comments and blank lines are not counted."""
    assert {path.stem: size for path in PACKAGE.glob("*.py") if (size := code_lines(path)) > 200} == {}


def code_lines(path: Path) -> int:
    text = path.read_text()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = [node.body[0] for node in ast.walk(ast.parse(text)) if isinstance(node, documented) and ast.get_docstring(node)]
    prose = {line for body in bodies for line in range(body.lineno, body.end_lineno + 1)}
    rows = enumerate(text.splitlines(), 1)
    return sum(1 for number, row in rows if number not in prose and row.strip() and not row.strip().startswith("#"))
