"""Spans, facts and statuses become HTML that says the same as their plain form."""

import html
import re

import pytest
from samples import LIBRARY

from trldoc import render
from trldoc.anchors import Note, Quote, QuoteError, resolve
from trldoc.facts import Fact
from trldoc.render import Badge, Recorded

SPAN = resolve(Quote("ToyTrainer._compute_loss", "scores = model(inputs)", "loss = -margin"), LIBRARY)


def excerpt(notes=(), recorded=None):
    return render.excerpt(SPAN, LIBRARY, notes, recorded, lambda target: target, lambda text: text)


def code_of(shown: str) -> list[str]:
    """The code cells of an excerpt as text."""
    cells = re.findall(r'<td class="code"><code>(.*?)</code></td>', shown)
    return [html.unescape(re.sub(r"<sup.*?</sup>|<[^>]+>", "", cell)) for cell in cells]


def test_the_code_shown_is_the_code_of_the_release_without_its_margin():
    wanted = [line[8:] for line in SPAN.text.split("\n")]
    assert code_of(excerpt().html) == wanted


def test_lines_of_a_long_string_stay_strings():
    lines = render.highlighted(LIBRARY, "trl/trainer/toy_trainer.py")
    goes_on = next(line for line in lines if "that goes on" in line)
    assert 'class="s' in goes_on


def test_values_stand_on_their_lines_and_lines_that_did_not_run_are_marked():
    first = SPAN.start
    recorded = Recorded({first: (("scores", "f32[2] = [0.0, 1.0]"),)}, frozenset({first, first + 1}), "run of a day")
    rows = re.findall(r'<tr class="line ([a-z]+)">(.*?)</tr>', excerpt(recorded=recorded).html)
    assert [state for state, _ in rows] == ["ran", "ran"] + ["skipped"] * (SPAN.end - first - 1)
    assert "<b>scores</b> f32[2] = [0.0, 1.0]" in rows[0][1] and "value" not in re.sub('class="values"', "", rows[1][1])
    assert "run of a day" in excerpt(recorded=recorded).html


def test_a_note_marks_its_line_and_one_that_fits_nowhere_is_refused():
    shown = excerpt((Note("-margin", "sign"),)).html
    assert shown.count('<sup class="note-mark">1</sup>') == 1 and "<li>sign</li>" in shown
    with pytest.raises(QuoteError, match="in none of the lines"):
        excerpt((Note("nowhere", "x"),))


def test_an_excerpt_copies_with_its_place_and_has_a_markdown_form():
    place = "# trl 9.9.9, trl/trainer/toy_trainer.py, lines 11-16"
    assert f'data-copy="{place}\nscores = model(inputs)' in excerpt().html
    assert excerpt().markdown.startswith("[ToyTrainer._compute_loss, trl/trainer/toy_trainer.py L11–L16, trl 9.9.9](https://")


def test_a_fact_is_escaped_and_linked():
    shown = render.fact(Fact("a < b", True, 'the "title"', "x/#y", "https://g"), lambda target: "../" + target)
    assert shown.html == '<a class="fact" href="../x/#y" title="the &quot;title&quot;"><code>a &lt; b</code></a>'
    assert shown.markdown == "[`a < b`](https://g)"


def test_a_badge_says_its_status_in_words():
    assert render.badge(Badge("stale", "example changed"), str) == '<span class="badge stale">example changed</span>'
