"""A page's fences and facts become HTML; what fails is reported with its line and shown where it stands."""

from pathlib import Path

import pytest
from markdown import Markdown
from samples import LIBRARY

from trldoc import anchors, facts, fences, markdown_ext
from trldoc.pages import PageError, scan

QUOTE = "ToyTrainer._compute_loss\nscores = model(inputs)\nloss = -margin"


def convert(text: str, meta: dict | None = None, lock: bool = True) -> tuple[str, list[tuple[int, str]]]:
    failures: list[tuple[int, str]] = []
    locked = []
    try:
        for fence in scan(text, "docs/x.md").fences_in("trl"):
            quote = anchors.read_quote(fence)
            locked.append(anchors.lock_entry(quote, anchors.resolve(quote, LIBRARY)))
    except (LookupError, PageError):
        pass  # what is wrong with the page is what the test is about
    markdown_ext.EXTENSION.writing = fences.Writing(
        path="docs/x.md",
        meta=meta or {},
        sources=facts.Sources(Path(__file__).resolve().parents[2], LIBRARY, lambda slug: {}),
        locked=tuple(locked) if lock else (),
        href=lambda target: target if "://" in target else "../" + target,
        report=lambda line, message: failures.append((line, message)),
        first_line=4,
    )
    try:
        html = Markdown(extensions=["trldoc.markdown_ext", "pymdownx.superfences", "toc", "tables", "md_in_html"]).convert(text)
    finally:
        markdown_ext.EXTENSION.writing = None
    return html, failures


def test_an_excerpt_has_true_numbers_links_and_notes():
    html, failures = convert(f'```trl\n{QUOTE}\nnote: "-margin" see {{default ToyConfig.beta}}\n```\n')
    assert not failures
    assert 'href="../source/9.9.9/trl/trainer/toy_trainer.py.html#L11"' in html
    assert "blob/v9.9.9/trl/trainer/toy_trainer.py#L11-L16" in html
    assert '<sup class="note-mark">1</sup>' in html and "<code>1e-6</code>" in html
    assert "# trl 9.9.9, trl/trainer/toy_trainer.py, lines 11-16\nscores = model(inputs)" in html


def test_a_note_may_link_to_a_page():
    html, failures = convert(f'```trl\n{QUOTE}\nnote: "-margin" [a](guides/math.md#x) [b](index.md) [c](https://x.org/y.md)\n```\n')
    assert not failures
    for address in ('href="../guides/math/#x"', 'href="../"', 'href="https://x.org/y.md"'):
        assert address in html


def test_facts_work_in_tables_and_headings():
    html, failures = convert("## Beta {default ToyConfig.beta} {#beta}\n\n| a |\n|---|\n| {type ToyConfig.beta} |\n")
    assert not failures and "<code>1e-6</code>" in html and "<td><a" in html


def test_failures_are_reported_with_the_line_of_the_file_and_the_page_goes_on():
    html, failures = convert("# T\n\n{default ToyConfig.bta}\n\n```trl\nToyTrainer.log\nnowhere\n```\n\nend\n")
    assert [line for line, _ in failures] == [8, 6] or [line for line, _ in failures] == [6, 8]
    assert "closest is `beta`" in html and "Build error" in html and "end" in html


def test_an_excerpt_that_is_not_locked_is_a_failure():
    _, failures = convert(f"```trl\n{QUOTE}\n```\n", lock=False)
    assert "run `make relock`" in failures[0][1]


def test_an_unreadable_fence_is_a_failure_with_its_line():
    html, failures = convert("# T\n\n```python\nnever closed\n")
    assert failures[0][0] == 6 and "never closed" in failures[0][1] and "Build error" in html


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```math\nx\n```\n", "math id=name"),
        ("```formula dpo\nloss\n```\n", "formula slug.name"),
        ("```formula dpo.sigmod\nloss\n```\n", "no formula `sigmod`"),
        ('```trl\nToyTrainer.log\nreturn inner\nnote: "nope" x\n```\n', "in none of the lines"),
    ],
)
def test_bad_fences_say_how_they_are_written(text, message):
    html, failures = convert(text)
    assert message in failures[0][1]


def test_a_walkthrough_puts_prose_beside_code_and_wide_things_between():
    text = f"## One {{#one}}\n\nBefore.\n\n```trl\n{QUOTE}\n```\n\n```text\nwide\n```\n\n## Two\n\nAfter.\n"
    html, failures = convert(text, {"layout": "walkthrough"})
    assert not failures
    row = html[html.index('<div class="walk-row">') : html.index("wide")]
    assert row.index("walk-prose") < row.index("Before.") < row.index("walk-code") < row.index("<figure")
    assert html.index("After.") > html.index("wide")
