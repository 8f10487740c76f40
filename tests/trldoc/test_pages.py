"""Fences are found wherever Markdown allows them, with exact offsets; what cannot be read says where and why."""

import pytest

from trldoc.pages import PageError, scan

TABS = '''---
title: T
---

=== "A"

    ```python group=a title="two words"
    x = 1

    y = 2
    ```

!!! note

    ~~~text
    ```python
    ~~~

````md
```python
print("not run")
```
````

```python
```

Inline ```` ``` ```` is no fence.
'''


def test_fences_in_tabs_tildes_and_longer_marks():
    page = scan(TABS, "docs/x.md")
    assert [(fence.language, fence.line) for fence in page.fences] == [("python", 7), ("text", 15), ("md", 19), ("python", 25)]
    first = page.fences[0]
    assert (first.body, first.group, first.attributes["title"], first.indent) == ("x = 1\n\ny = 2\n", "a", "two words", "    ")
    assert page.meta == {"title": "T"}


def test_offsets_cut_the_fence_out_of_the_text_exactly():
    page = scan(TABS, "docs/x.md")
    for fence in page.fences:
        cut = page.text[fence.start : fence.end].split("\n")
        assert cut[0].lstrip().startswith(("```", "~~~")) and cut[-1].lstrip()[:3] == cut[0].lstrip()[:3]
        assert page.text.count("\n", 0, fence.start) + 1 == fence.line


def test_a_skip_has_a_reason():
    assert scan('```python test="skip: needs a GPU"\n```\n', "x.md").fences[0].skip_reason == "needs a GPU"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a\n\n```python\nx\n", 3, "never closed"),
        ('```python test="skip"\n```\n', 1, "the reason"),
        ('```python test="skip: "\n```\n', 1, "the reason"),
        ("``` { .python }\n```\n", 1, "not with braces"),
        ('```python title="open\n```\n', 1, "check the quotes"),
        ("> ```python\n> x\n> ```\n", 1, "block quote"),
        ("-   a\n\n    ```python\n    x\n  y\n    ```\n", 5, "indented less"),
        ("---\na: b: c\n---\n", 2, "front matter is not YAML"),
        ("---\n- a\n---\n", 2, "must be `key: value` lines"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text, line, message):
    with pytest.raises(PageError) as caught:
        scan(text, "docs/x.md")
    assert (caught.value.line, caught.value.path) == (line, "docs/x.md") and message in str(caught.value)
    assert str(caught.value).startswith(f"docs/x.md:{line}: ")
