"""MkDocs hook: shows each `examples/<slug>.py` as `trainers/<slug>/example/`, with a light page and the raw file beside it.

Knows where scripts, records and pages lie. What a script becomes is `trldoc.notebooks`; mkdocs-jupyter renders it.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

from trldoc import notebooks, records
from trldoc.library import settings

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ROOT / ".cache" / "examples"  # scripts as shown, outside of docs/ so that none is in git


@event_priority(100)  # before mkdocs-jupyter, which picks out its files from what is there
def on_files(files, config):
    """Add the page and the download of every example whose trainer has a page."""
    for script in sorted((ROOT / "examples").glob("*.py")):
        slug = script.stem
        if not files.get_file_from_path(f"trainers/{slug}/index.md"):
            continue
        page = f"trainers/{slug}/example.py"
        record = records.load(records.record_path(slug, ROOT))
        status = records.status(record, ROOT, settings(ROOT)["pinned"])
        why_not = "" if status.name == "verified" else f"{status.name}: {status.why}"
        try:
            text = notebooks.script(script.read_text("utf-8"), f"examples/{script.name}", record, why_not)
        except notebooks.NotebookError as error:
            raise PluginError(str(error)) from None
        _write(SHOWN / page, text)
        files.append(File(page, str(SHOWN), config.site_dir, config.use_directory_urls))
        files.append(File.generated(config, f"trainers/{slug}/example/{script.name}", abs_src_path=str(script)))
    return files


def on_page_content(html, page, config, files):
    """Keep only the cells of a page that mkdocs-jupyter rendered."""
    if not page.file.src_uri.endswith("/example.py"):
        return html
    notebooks.identify(page.toc.items)
    try:
        html = notebooks.slim(html)
    except notebooks.NotebookError as error:
        raise PluginError(f"{page.file.src_uri}: {error}") from None
    return html


def _write(path: Path, text: str) -> None:
    """Write only what changed: mkdocs-jupyter and live reload look at files."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
