"""Code and what it printed in, code with outputs out."""

import pytest

from trldoc.outputs import Printed, difference, updated


@pytest.mark.parametrize(
    ("source", "printed", "expected"),
    [
        ("print(1)\n", [(1, "1\n")], "print(1)\n#> 1\n"),
        ("print(1)\n#> 2\nx = 3\n", [(1, "1\n")], "print(1)\n#> 1\nx = 3\n"),
        ("print(1)\n#> 1\n#> old\n", [(1, "1\n")], "print(1)\n#> 1\n"),
        ("print('a\\n\\nb')\n", [(1, "a\n\nb\n")], "print('a\\n\\nb')\n#> a\n#>\n#> b\n"),
        ("print('a\\n\\nb')\n#> a\n#>\n#> b\n", [(1, "a\n\nb\n")], "print('a\\n\\nb')\n#> a\n#>\n#> b\n"),
        ("for i in x:\n    print(i)\n", [(2, "0\n"), (2, "1\n")], "for i in x:\n    print(i)\n    #> 0\n    #> 1\n"),
        ("print(\n    1,\n    2,\n)\ny\n", [(1, "1 2\n")], "print(\n    1,\n    2,\n)\n#> 1 2\ny\n"),
        ("print(1, end=' ')\n", [(1, "1 "), (1, "2 ")], "print(1, end=' ')\n#> 1 2\n"),
        ("with a:\n    print(1)\n", [(2, "1\n")], "with a:\n    print(1)\n    #> 1\n"),
        ("try:\n    f()\nfinally:\n    print(1)\n", [(4, "1\n")], "try:\n    f()\nfinally:\n    print(1)\n    #> 1\n"),
        ("helper(\n    1,\n)\ny\n", [(1, "1\n")], "helper(\n    1,\n)\n#> 1\ny\n"),
        ('text = """\n#> no output\n"""\n', [], 'text = """\n#> no output\n"""\n'),
    ],
)
def test_outputs_stand_under_their_print(source, printed, expected):
    found = [Printed(line, text) for line, text in printed]
    assert updated(source, found) == expected
    moved = [Printed(expected_line(source, expected, line), text) for line, text in printed]
    assert updated(expected, moved) == expected, "a second update changes nothing"
    assert difference(expected, moved, "docs/a.md", 7) is None


def expected_line(source: str, expected: str, line: int) -> int:
    """Where line `line` of `source` stands in `expected`; outputs are the only difference above it."""
    kept = [number for number, text in enumerate(expected.splitlines(), 1) if not text.strip().startswith("#>")]
    plain = [number for number, text in enumerate(source.splitlines(), 1) if not text.strip().startswith("#>")]
    return line if "no output" in source else kept[plain.index(line)]


def test_an_output_that_nothing_printed_is_refused_and_removed():
    source = "if False:\n    print(1)\n    #> 1\n"
    assert updated(source, []) == "if False:\n    print(1)\n"
    assert difference(source, [], "docs/a.md", 7) == (
        "docs/a.md:9: the output differs\nexpected:\n    #> 1\ngot:\n(nothing was printed here)\nrepair with: make update"
    )


def test_a_difference_names_each_place_with_both_texts():
    source = "print(1)\n#> 2\nx = 1\nprint(x)\n"
    assert difference(source, [Printed(1, "1\n"), Printed(4, "1\n")], "docs/a.md", 7) == (
        "docs/a.md:8: the output differs\nexpected:\n#> 2\ngot:\n#> 1\n"
        "docs/a.md:11: the output differs\nexpected:\n(no output written)\ngot:\n#> 1\n"
        "repair with: make update"
    )
