"""TeX in, HTML out; an invalid equation is an error with MathJax's own words, and nothing leaks between equations."""

import subprocess

import pytest

from trldoc import mathjax


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("mathjax")


@pytest.fixture
def converter(cache):
    converter = mathjax.Converter(cache)
    yield converter
    converter.close()


def test_an_equation_is_html_with_mathml_for_assistive_technology(converter):
    equation = converter.convert(r"\frac{a}{b}")
    assert equation.html.startswith("<mjx-container")
    assert "<mfrac><mi>a</mi><mi>b</mi></mfrac>" in equation.html
    assert 'aria-hidden="true"' in equation.html  # the glyphs; a screen reader reads the MathML


def test_the_stylesheet_has_the_glyphs_used_and_no_others(converter):
    converter.convert("x")
    stylesheet = converter.stylesheet()
    assert "mjx-c1D465" in stylesheet and "mjx-c1D466" not in stylesheet  # x, not y
    assert {font.name for font in mathjax.fonts_in(stylesheet)} >= {"MathJax_Math-Italic.woff", "MathJax_Zero.woff"}
    assert all(font.exists() for font in mathjax.fonts_in(stylesheet))
    assert "http" not in stylesheet


def test_a_warm_cache_needs_no_node_and_gives_the_same_text(tmp_path, monkeypatch):
    first = mathjax.Converter(tmp_path)
    cold = first.convert(r"\beta", True), first.stylesheet()
    first.close()
    monkeypatch.setattr(subprocess, "Popen", None)
    second = mathjax.Converter(tmp_path)
    assert (second.convert(r"\beta", True), second.stylesheet()) == cold


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"\frac{a}{b", "Missing close brace"),
        (r"\foo", r"Undefined control sequence \foo"),
        (r"\left( x", r"Extra \left or missing \right"),
        (r"\begin{aligned} a", r"Missing \end{aligned}"),
        (r"a \tag{1}", r"\tag is not available: give the equation an id"),
        (r"\ref{a}", r"\ref is not available"),
        (r"\newcommand{\a}{b}", r"Undefined control sequence \newcommand"),
    ],
)
def test_an_invalid_equation_says_so_each_time(converter, tex, message):
    for _ in range(2):  # an error is not cached as a success
        with pytest.raises(mathjax.MathError) as caught:
            converter.convert(tex)
        assert message in caught.value.message
        assert tex in str(caught.value)
    assert converter.convert("x").html  # the process is still well


def test_display_equations_are_numbered_by_id_focusable_and_copyable(converter):
    page = (
        '<div class="arithmatex" id="first">\\[\na &lt; b\n\\]</div><div class="arithmatex">\\[c\\]</div>'
        '<div id="second" class="arithmatex wide">\\[d\\]</div><p>By <a href="#second"></a> and <a href="#else"></a></p>'
    )
    text, errors = mathjax.render(page, converter)
    assert errors == []
    assert 'data-tex="a &lt; b" id="first"' in text
    assert text.count('tabindex="0"') == 3
    assert 'aria-label="Equation 1"' in text and 'aria-label="Equation 2"' in text
    assert '<a href="#second">(2)</a>' in text and '<a href="#else"></a>' in text
    assert "\\[" not in text


def test_inline_equations_are_unescaped_before_they_are_converted(converter):
    text, errors = mathjax.render('<p><span class="arithmatex">\\(x &lt; y &amp;\\text{if } z\\)</span></p>', converter)
    assert [error.message for error in errors] == ["Misplaced &"]
    text, errors = mathjax.render('<p><span class="arithmatex">\\(x &lt; y\\)</span></p>', converter)
    assert errors == [] and "<mo>&lt;</mo>" in text


def test_all_errors_of_a_page_are_reported_and_their_tex_left_in_place(converter):
    page = '<span class="arithmatex">\\(\\foo\\)</span> <span class="arithmatex">\\(\\bar\\)</span>'
    text, errors = mathjax.render(page, converter)
    assert [error.tex for error in errors] == [r"\foo", r"\bar"]
    assert r"\(\foo\)" in text


def test_a_missing_package_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(mathjax, "PACKAGE", mathjax.ROOT / "node_modules" / "not-there")
    with pytest.raises(FileNotFoundError, match="run `npm ci`"):
        mathjax.Converter(tmp_path)
