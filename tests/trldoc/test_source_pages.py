"""A release's text in, standalone pages out: every line keeps its address, its text and its color."""

import html
import io
import re
import tokenize
from pathlib import Path

import pytest

from trldoc import source_pages
from trldoc.library import Library, pinned
from trldoc.pages import scan

ROOT = Path(__file__).resolve().parents[2]
TEXT = '''class Trainer:
    """Train.

    Two <b> lines."""

    @property
    def loss(self):
        def inner(x):
            return x < 1e-5  # "not a string"
        return f"{inner}#no comment"

async def main(): ...
'''
PATH = "trl/trainer/a_trainer.py"
LIBRARY = Library("9.9.9", {PATH: TEXT, "trl/__init__.py": ""})


def text_of(row: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", row))


def test_each_line_has_its_number_as_id_and_its_text_unchanged():
    page = source_pages.file_page(LIBRARY, PATH)
    rows = re.findall(r'<span id="L(\d+)"><a href="#L\d+" tabindex="-1">\d+</a>(.*?)\n</span>', page, re.DOTALL)
    assert [int(number) for number, _ in rows] == list(range(1, 13))
    assert "\n".join(text_of(row) for _, row in rows) + "\n" == TEXT


def test_a_token_over_several_lines_is_tagged_on_each_and_markup_is_escaped():
    lines = source_pages.highlight(TEXT)
    assert lines[1] == '    <span class="s">"""Train.</span>'
    assert lines[2] == ""
    assert lines[3] == '<span class="s">    Two &lt;b&gt; lines."""</span>'
    assert lines[8].endswith('x &lt; <span class="m">1e-5</span>  <span class="c"># "not a string"</span>')
    assert '<span class="s">f"{inner}#no comment"</span>' in lines[9]


@pytest.mark.parametrize("path", sorted(pinned(ROOT).files))
def test_the_pinned_release_is_highlighted_as_python_reads_it(path):
    text = pinned(ROOT).files[path]
    assert "\n".join(map(text_of, source_pages.highlight(text))) == text.removesuffix("\n")
    comments = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    assert [match[0] for match in source_pages.TOKEN.finditer(text) if match.lastgroup == "c"] == comments


def test_the_outline_nests_as_the_code_does():
    outline = source_pages.outline(list(LIBRARY.symbols(PATH).values()))
    assert (
        '<ul><li><a href="#L1">Trainer</a><ul><li><a href="#L6">loss</a><ul><li><a href="#L8">inner</a></li></ul></li></ul>'
        '</li><li><a href="#L12">main</a></li></ul>'
    ) in outline
    assert source_pages.outline([]) == ""


def test_addresses_lead_back_to_the_site_to_the_tag_and_to_the_license():
    pages = source_pages.pages(LIBRARY)
    assert sorted(pages) == [
        "source/9.9.9/index.html",
        "source/9.9.9/trl/__init__.py.html",
        "source/9.9.9/trl/trainer/a_trainer.py.html",
    ]
    for address, page in pages.items():
        up = "../" * address.count("/")
        assert f'<a href="{up}index.html">TRL Deep Dive</a>' in page
        assert f'href="{up}assets/source.css"' in page
        assert f'<a href="{up[:-6]}LICENSE.txt">Apache License 2.0</a>' in page
        assert "trl 9.9.9, © The HuggingFace Team" in page
        assert re.findall(r'(?:src|link rel="\w+" href)="https?:', page) == []  # nothing is loaded from elsewhere
    page = pages["source/9.9.9/trl/trainer/a_trainer.py.html"]
    assert "https://github.com/huggingface/trl/blob/v9.9.9/trl/trainer/a_trainer.py" in page
    assert (
        '<a href="trl/trainer/a_trainer.py.html">a_trainer.py</a> <span>12 lines</span>'
        in pages["source/9.9.9/index.html"]
    )


def test_long_files_are_cut_into_parts_of_known_height():
    page = source_pages.file_page(Library("9.9.9", {PATH: "x = 1\n" * 250}), PATH)
    assert re.findall(r"--n:(\d+)", page) == ["100", "100", "50"]


def test_the_releases_are_the_pinned_one_and_those_that_pages_name():
    fence = "```trl release=1.9.0\nA.b\nwhole\n```\n"
    pages = [scan("---\nrelease: 1.12.0\n---\n# A\n", "a.md"), scan(fence, "b.md")]
    assert source_pages.releases(pages, "1.16.0") == ["1.9.0", "1.12.0", "1.16.0"]
