"""MkDocs hook: equations of a page become HTML at build; an invalid one is a warning, which `--strict` turns into failure.

Knows where a page's source lies and where the site goes. Does not know TeX or MathJax: that is `trldoc.mathjax`.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from trldoc import mathjax

log = logging.getLogger("mkdocs.hooks.maths")
STYLESHEET = "assets/mathjax/mathjax.css"
_converter: mathjax.Converter | None = None


def on_config(config):
    """Link the stylesheet that `on_post_build` writes."""
    global _converter
    _converter = mathjax.Converter(mathjax.ROOT / ".cache" / "mathjax")
    config.extra_css.append(STYLESHEET)
    return config


def on_post_page(output, page, config):
    """Render the equations of one page. Done last: the search index then holds the short TeX, not the many glyphs."""
    output, errors = mathjax.render(output, _converter)
    for error in errors:
        log.warning("%s: MathJax: %s", _place(page, error.tex), error)
    return output


def on_post_build(config):
    """Write one stylesheet for all pages, and the fonts it names, then let Node go."""
    target = Path(config.site_dir, STYLESHEET)
    fonts = target.parent / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    stylesheet = _converter.stylesheet()
    target.write_text(stylesheet, encoding="utf-8")
    for font in mathjax.fonts_in(stylesheet):
        shutil.copyfile(font, fonts / font.name)
    shutil.copyfile(mathjax.LICENSE, fonts / "LICENSE.txt")
    _converter.close()


def on_build_error(error):
    """Leave no Node process behind."""
    if _converter:
        _converter.close()


def _place(page, tex: str) -> str:
    """`page:line` of the TeX in the page's source; only the page when the TeX was made by the build."""
    first = tex.strip().splitlines()[0] if tex.strip() else ""
    for number, line in enumerate(page.file.content_string.splitlines(), start=1):
        if first and first in line:
            return f"{page.file.src_uri}:{number}"
    return f"{page.file.src_uri} (an equation derived at build)"
