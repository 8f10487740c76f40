"""Catalog: a trainer's entry, joined from its page's front matter and the release it is pinned to.

Knows the library, declarations and facts. Does not know how a table or a box looks beyond inline HTML.
"""

from __future__ import annotations

import ast
from html import escape

from .addresses import source_href, trainer_of
from .declarations import ancestry
from .facts import Sources
from .library import LibraryError, Symbol, settings

REQUIRED = ("title", "slug", "summary", "status", "data", "online", "needs", "models_in_memory", "paper")
STATUSES = ("stable", "experimental", "removed")


class CatalogError(LibraryError):
    """Front matter that cannot be a catalog row; the message names the key."""


def check_meta(meta: dict, path: str) -> None:
    """Raises CatalogError when a trainer's front matter lacks a key, holds an unknown status, or another page's slug.

    `path` is the page's, `docs/trainers/<slug>/index.md`: the folder is the one place where a slug can be unique.
    """
    missing = [key for key in REQUIRED if key not in meta]
    if missing:
        raise CatalogError(f"front matter lacks {', '.join(f'`{key}`' for key in missing)}; see docs/_template/index.md")
    folder = path.split("/")[-2]
    if meta["slug"] != folder:
        raise CatalogError(f"`slug: {meta['slug']}` stands in the folder of `{folder}`; one slug names one folder")
    if meta["status"] not in STATUSES:
        raise CatalogError(f"`status: {meta['status']}` must be one of {', '.join(STATUSES)}")


def class_constant(sources: Sources, symbol: Symbol, name: str):
    """The literal value of a class attribute (`_paper`, `_name`), holes allowed: what cannot be read is left out."""
    for statement in sources.library.node(symbol).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            if isinstance(statement.value, ast.Dict):
                pairs = zip(statement.value.keys, statement.value.values, strict=True)
                return {key.value: value.value for key, value in pairs if isinstance(value, ast.Constant)}
            return ast.literal_eval(statement.value)
    raise LibraryError(f"`{symbol.qualname}` of trl {sources.library.release} has no class attribute `{name}`")


def quick_facts(meta: dict, path: str, sources: Sources, href) -> list[tuple[str, str]]:
    """Rows (label, HTML) of the box at the top of a trainer's page. Raises LibraryError, CatalogError."""
    check_meta(meta, path)
    library = sources.library
    trainer = trainer_of(library, meta["slug"])
    chain = ancestry(library, trainer.reference)
    paper = class_constant(sources, trainer, "_paper")
    if str(meta["paper"]) != paper["id"]:
        raise CatalogError(f"front matter says paper {meta['paper']}, `{trainer.qualname}._paper` says {paper['id']}")
    place = f"{trainer.path}:{trainer.start}"
    inherits = " → ".join(f"<code>{symbol.qualname}</code>" for symbol in chain[1:])
    needs = meta["needs"] if isinstance(meta["needs"], list) else [meta["needs"]]
    pinned = settings(sources.root)["pinned"]
    release = f"trl {library.release}" + (" (pinned)" if library.release == pinned else " (archived)")
    return [
        ("Status", f"{meta['status']} in {release}"),
        ("Data", escape(meta["data"])),
        ("Generates while training", "yes" if meta["online"] else "no"),
        ("Needs", ", ".join(map(escape, needs)) or "nothing else"),
        ("Models in memory", escape(str(meta["models_in_memory"]))),
        ("Paper", f'<a href="https://arxiv.org/abs/{paper["id"]}">{escape(paper["title"])}</a>'),
        ("Class", f'<a href="{href(source_href(library.release, trainer.path, trainer.start))}"><code>{trainer.qualname}</code>'
                  f"</a>, {trainer.end - trainer.start + 1} lines at {place}"),
        ("Inherits", inherits or "nothing of TRL"),
    ]  # fmt: skip
