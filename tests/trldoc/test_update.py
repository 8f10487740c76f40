"""`make update` rewrites outputs in place, in indented fences too, and leaves what failed as it was."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import update
from trldoc.blocks import blocks
from trldoc.outputs import Printed
from trldoc.runner import Result

PAGE = '=== "Tab"\n\n    ```python\n    print(1)\n    #> 0\n    ```\n\n```python\nprint(2)\n#> 0\n```\n'


class Stub:
    """A runner whose first block prints 1 and whose second fails or prints 2."""

    def __init__(self, root, release, fail=False):
        self.root, self.fail = root, fail

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def run_page(self, page):
        first, second = blocks(page, self.root)
        error = "docs/a.md:9: ValueError: no" if self.fail else None
        return [
            Result(first, True, printed=(Printed(1, "1\n"),)),
            Result(second, not self.fail, error=error, printed=(Printed(1, "2\n"),)),
        ]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(PAGE)
    (tmp_path / "docs" / "b.md").write_text("No blocks here.\n")
    (tmp_path / "pyproject.toml").write_text('[tool.trldoc]\npinned = "1.16.0"\n')
    return tmp_path


def test_outputs_are_rewritten_once(root, monkeypatch, capsys):
    monkeypatch.setattr(update, "Runner", Stub)
    assert update.main([], root) == 0
    assert (root / "docs" / "a.md").read_text() == PAGE.replace("    #> 0", "    #> 1").replace("\n#> 0", "\n#> 2")
    assert capsys.readouterr().out == "docs/a.md: 2 blocks, 2 updated, 0 failed\n"
    assert update.main([str(root / "docs" / "a.md")], root) == 0
    assert capsys.readouterr().out == "docs/a.md: 2 blocks, 0 updated, 0 failed\n"
    assert sorted(path.name for path in (root / "docs").iterdir()) == ["a.md", "b.md"]


def test_a_failed_block_is_told_and_left_alone(root, monkeypatch, capsys):
    monkeypatch.setattr(update, "Runner", lambda *given: Stub(*given, fail=True))
    assert update.main([], root) == 1
    assert (root / "docs" / "a.md").read_text() == PAGE.replace("    #> 0", "    #> 1")
    said = capsys.readouterr()
    assert said.err == "docs/a.md:9: ValueError: no\n" and "2 blocks, 1 updated, 1 failed" in said.out
