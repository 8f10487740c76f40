"""Text in, blocks out: groups, regions, content keys, and the page written anew."""

import pytest

from trldoc.blocks import blocks, by_group, rewritten
from trldoc.pages import PageError, scan

EXAMPLE = """# --8<-- [start:outer]
def train():
    # --8<-- [start:inner]
    x = 1
    print(x)
    # --8<-- [end:inner]
# --8<-- [end:outer]
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "dpo.py").write_text(EXAMPLE)
    return tmp_path


def fence(body: str, info: str = "python") -> str:
    return f"```{info}\n{body}```\n"


def of(text: str, root):
    return blocks(scan(text, "docs/a.md"), root)


def test_a_block_knows_where_its_code_stands(root):
    (block,) = of('=== "Tab"\n\n    ```python title="t"\n    x = 1\n    ```\n', root)
    assert (block.name, block.path, block.first, block.source) == ("docs/a.md:3", "docs/a.md", 4, "x = 1\n")
    assert not block.included and block.skip is None


def test_other_languages_are_no_blocks_and_the_reason_for_a_skip_is_kept(root):
    (block,) = of(fence("ls\n", "bash") + fence("1 / 0\n", 'python test="skip: needs two GPUs"'), root)
    assert block.skip == "needs two GPUs"


@pytest.mark.parametrize("language", ["py", "Python3", "pycon"])
def test_another_spelling_of_python_is_refused_because_nothing_would_run_it(root, language):
    with pytest.raises(
        PageError, match=rf"docs/a.md:2: write the fence as ```python: blocks in `{language}` are not run"
    ):
        of("\n" + fence("1\n", language), root)


def test_a_region_is_run_from_its_file_and_shown_without_marks(root):
    outer, inner = of(fence('--8<-- "dpo.py:outer"\n') + fence('--8<-- "dpo.py:inner"\n'), root)
    assert (inner.path, inner.first, inner.source) == ("examples/dpo.py", 4, "x = 1\nprint(x)\n")
    assert inner.included and (outer.first, outer.source.count("\n")) == (2, 5)
    assert outer.shown == "def train():\n    x = 1\n    print(x)\n"


def test_a_whole_file(root):
    (block,) = of(fence('--8<-- "dpo.py"\n'), root)
    assert (block.first, block.source) == (1, EXAMPLE)


@pytest.mark.parametrize(
    ("snippet", "message"),
    [
        ("dpo.py:other", r"docs/a.md:1: examples/dpo.py has no region `other` .* its regions: inner, outer"),
        ("kto.py:train", r"docs/a.md:1: there is no file examples/kto.py"),
    ],
)
def test_a_region_that_is_not_there(root, snippet, message):
    with pytest.raises(PageError, match=message):
        of(fence(f'--8<-- "{snippet}"\n'), root)


def keys(text: str, root) -> list[str]:
    return [block.key for block in of(text, root)]


def test_the_key_follows_the_code_that_decides_the_outcome(root):
    a, b, other = fence("x = 1\n", "python group=g"), fence("print(x)\n", "python group=g"), fence("y = 2\n")
    before = keys(a + other + b, root)
    assert keys("# Title\n\n" + other + a + "words\n" + b, root) == [before[1], before[0], before[2]]
    changed = keys(a.replace("1", "3") + other + b, root)
    assert changed[1] == before[1] and changed[0] != before[0] and changed[2] != before[2]
    assert keys(b, root) != [before[2]]


def test_the_key_follows_the_region(root):
    text = fence('--8<-- "dpo.py:inner"\n')
    before = keys(text, root)
    (root / "examples" / "dpo.py").write_text(EXAMPLE.replace("x = 1", "x = 2"))
    assert keys(text, root) != before


def test_a_skipped_block_does_not_count_for_those_after_it(root):
    skipped, b = fence("x = 1\n", 'python group=g test="skip: why"'), fence("print(1)\n", "python group=g")
    assert keys(skipped + b, root)[1] == keys(b, root)[0]


def test_groups_run_one_after_the_other(root):
    g, h, alone = fence("1\n", "python group=g"), fence("1\n", "python group=h"), fence("1\n")
    arranged = by_group(of(g + h + alone + g + alone, root))
    assert [[block.line for block in group] for group in arranged] == [[1, 10], [4], [7], [13]]


PAGE = '---\ntitle: "é"\n---\n=== "Tab"\n\n    ~~~~python\n    x = 1\n\n    ~~~~\n\n```python\ny\n```\nend'


def test_new_code_goes_into_the_fence_and_nothing_else_changes(root):
    page = scan(PAGE, "docs/a.md")
    assert rewritten(page, {6: "x = 2\n\nprint(x)\n", 11: ""}) == PAGE.replace(
        "    x = 1\n\n", "    x = 2\n\n    print(x)\n"
    ).replace("\ny\n", "\n")
    assert rewritten(page, {}) == PAGE
    assert rewritten(page, {block.line: block.source for block in blocks(page, root)}) == PAGE
