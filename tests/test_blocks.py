"""Every Python block of every page runs as it stands and prints what the page says."""

import re
from pathlib import Path

import pytest

from trldoc.blocks import blocks
from trldoc.pages import read_pages

ROOT = Path(__file__).parents[1]
PAGES = read_pages(ROOT)
BLOCKS = [block for page in PAGES for block in blocks(page, ROOT)]
FENCE = re.compile(  # a second way to find fences, which shares nothing with trldoc.pages
    r"^[ \t>]*(?P<marks>`{3,}|~{3,})[ \t]*\{?[ \t]*\.?(?P<language>[\w+-]*)[^\n]*\n(?:[^\n]*\n)*?[ \t>]*(?P=marks)[`~]*[ \t]*$",
    re.MULTILINE,
)


def check(block, page_runs) -> None:
    if block.skip:
        pytest.skip(block.skip)
    result = page_runs.result(block)
    if not result.ok:
        pytest.fail(result.error, pytrace=False)
    if result.mismatch:
        pytest.fail(result.mismatch, pytrace=False)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])
def test_block_runs(block, page_runs):
    check(block, page_runs)


@pytest.mark.gpu
@pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])
def test_block_runs_on_the_real_hub(block, page_runs):
    check(block, page_runs)


@pytest.mark.parametrize("page", PAGES, ids=[page.path for page in PAGES])
def test_no_python_fence_is_overlooked(page):
    assert len(blocks(page, ROOT)) == count(page.text)


def count(text: str) -> int:
    """How many fences say that they hold Python, in whatever spelling."""
    return sum(match["language"].lower().startswith(("py", "ipython")) for match in FENCE.finditer(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\n1\n```\n", 1),
        ('=== "Tab"\n\n    ```python title="a"\n    1\n    ```\n', 1),
        ("!!! note\n\n    ~~~py\n    1\n    ~~~\n\n``` { .python }\n2\n```\n", 2),
        ("````text\n```python\n1\n```\n````\n\n```python\n```\n", 1),
        ("```bash\nls\n```\n", 0),
    ],
)
def test_the_second_way_counts(text, expected):
    assert count(text) == expected
