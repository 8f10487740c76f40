"""Catalog: a trainer's entry, joined from its page's front matter and the release it is pinned to.

Knows the library, declarations and facts. Does not know how a table or a box looks beyond inline HTML.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .addresses import source_href, trainer_of, trainers
from .declarations import ancestry
from .facts import Sources
from .library import Library, LibraryError, Symbol, open_release, settings
from .pages import Page

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


@dataclass(frozen=True)
class Entry:
    """One trainer of the catalog. `meta` is the front matter of its page, empty while the page is not written."""

    slug: str
    trainer: Symbol
    config: Symbol | None
    inherits: tuple[str, ...]  # TRL classes above it, nearest first
    paper: dict | None
    library: Library  # the last release that has it
    current: bool  # whether the pinned release has it
    meta: dict

    @property
    def judged(self) -> tuple[str, ...]:
        """What is judgement, from the front matter: data, generation, needs, models. Empty while no page is written."""
        if not self.meta:
            return ()
        online = "yes" if self.meta["online"] else "no"
        return self.meta["data"], online, needs_in_words(self.meta), str(self.meta["models_in_memory"])

    @property
    def status(self) -> str:
        if not self.current:
            return f"removed after {self.library.release}"
        return "experimental" if "/experimental/" in self.trainer.path else "stable"


def needs_in_words(meta: dict) -> str:
    """`reference model, generation`; front matter may hold one need or a list."""
    needs = meta["needs"] if isinstance(meta["needs"], list) else [meta["needs"]]
    return ", ".join(needs) or "nothing else"


def entries(pages: tuple[Page, ...], root: Path) -> tuple[Entry, ...]:
    """Every trainer of the releases in pyproject.toml, each from the last one that has it; current ones first."""
    metas = {page.meta.get("slug"): page.meta for page in pages if page.path.endswith("/index.md")}
    last: dict[str, Library] = {}
    for release in settings(root)["wheels"]:
        library = open_release(release, root)
        last |= dict.fromkeys(trainers(library), library)
    found = [_entry(slug, library, metas.get(slug, {}), root) for slug, library in last.items()]
    order = ("stable", "experimental")
    return tuple(sorted(found, key=lambda e: (order.index(e.status) if e.status in order else 2, e.slug)))


def _entry(slug: str, library: Library, meta: dict, root: Path) -> Entry:
    trainer = trainer_of(library, slug)
    path = trainer.path.replace("_trainer.py", "_config.py")
    configs = [s for name, s in library.symbols(path).items() if name.endswith("Config")] if path in library.files else []
    chain = ancestry(library, trainer.reference)
    current = library.release == settings(root)["pinned"]
    names = tuple(symbol.qualname for symbol in chain[1:] if not symbol.qualname.startswith("_"))
    return Entry(slug, trainer, configs[-1] if configs else None, names, paper_of(library, trainer), library, current, meta)


def paper_of(library: Library, trainer: Symbol) -> dict | None:
    """`id` and `title` of the paper that a trainer's class names itself; None where it names none on arXiv."""
    try:
        paper = class_constant(library, trainer, "_paper")
    except LibraryError:
        return None
    return paper if "id" in paper else None


def linked_papers(text: str) -> str:
    """Words with every arXiv id in them linked."""
    return re.sub(r"\b(\d{4}\.\d{5})\b", r'<a href="https://arxiv.org/abs/\1">\1</a>', escape(text))


def class_constant(library: Library, symbol: Symbol, name: str):
    """The literal value of a class attribute (`_paper`, `_name`), holes allowed: what cannot be read is left out."""
    for statement in library.node(symbol).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            if isinstance(statement.value, ast.Dict):
                pairs = zip(statement.value.keys, statement.value.values, strict=True)
                return {key.value: value.value for key, value in pairs if isinstance(value, ast.Constant)}
            return ast.literal_eval(statement.value)
    raise LibraryError(f"`{symbol.qualname}` of trl {library.release} has no class attribute `{name}`")


def quick_facts(meta: dict, path: str, sources: Sources, href) -> list[tuple[str, str]]:
    """Rows (label, HTML) of the box at the top of a trainer's page. Raises LibraryError, CatalogError."""
    check_meta(meta, path)
    library = sources.library
    trainer = trainer_of(library, meta["slug"])
    chain = ancestry(library, trainer.reference)
    paper = paper_of(library, trainer)
    if paper is not None and str(meta["paper"]) != paper["id"]:
        raise CatalogError(f"front matter says paper {meta['paper']}, `{trainer.qualname}._paper` says {paper['id']}")
    place = f"{trainer.path}:{trainer.start}"
    inherits = " → ".join(f"<code>{symbol.qualname}</code>" for symbol in chain[1:])
    pinned = settings(sources.root)["pinned"]
    release = f"trl {library.release}" + (" (pinned)" if library.release == pinned else " (archived)")
    return [
        ("Status", f"{meta['status']} in {release}"),
        ("Data", escape(meta["data"])),
        ("Generates while training", "yes" if meta["online"] else "no"),
        ("Needs", escape(needs_in_words(meta))),
        ("Models in memory", escape(str(meta["models_in_memory"]))),
        ("Paper", f'<a href="https://arxiv.org/abs/{paper["id"]}">{escape(paper["title"])}</a>'
                  if paper else f"{linked_papers(str(meta['paper']))} (our choice: the class names none)"),
        ("Class", f'<a href="{href(source_href(library.release, trainer.path, trainer.start))}"><code>{trainer.qualname}</code>'
                  f"</a>, {trainer.end - trainer.start + 1} lines at {place}"),
        ("Inherits", inherits or "nothing of TRL"),
    ]  # fmt: skip
