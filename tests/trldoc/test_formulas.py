"""Formulas: text in, TeX, derivatives, numbers and SVG out; wrong input fails with a message that helps."""

import math
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sympy

from trldoc import formulas, notation, plots

ROOT = Path(__file__).resolve().parents[2]
DPO = formulas.load("dpo", ROOT)

REGION = """# --8<-- [start:expressions]
from sympy import exp, symbols

m, x = symbols("m x", real=True)
beta = symbols("beta", positive=True)
LOSSES = {"plain": -log_sigma(beta * m), "square": (m - 1 / beta) ** 2}
GRADIENTS = {"plain": {m: -beta * sigma(-beta * m)}}
START, PATH, VALUES = {m: 0}, {m: x}, {beta: 0.1}
# --8<-- [end:expressions]
"""


@pytest.fixture
def load(tmp_path):
    """Load formulas from the text of an expressions region."""
    folder = tmp_path / "examples" / "formulas"
    folder.mkdir(parents=True)
    (folder / "functions.py").write_text((ROOT / "examples/formulas/functions.py").read_text())

    def loaded(text: str) -> dict[str, formulas.Formula]:
        (folder / "own.py").write_text(text)
        return formulas.load("own", tmp_path)

    return loaded


# --- notation ---


@pytest.mark.parametrize(
    "source, expected",
    [
        ("-log_sigma(beta * m)", r"-\log\sigma(\beta m)"),
        ("a - (b - c)", "a - (b - c)"),
        ("a - b - c", "a - b - c"),
        ("a + -b", "a - b"),
        ("(a + b) * c", "(a + b) c"),
        ("2 * 3", r"2 \cdot 3"),
        ("-2 * a / b", r"-\frac{2 a}{b}"),
        ("(-a + b) / c", r"\frac{-a + b}{c}"),
        ("(a / b) ** 2", r"\left(\frac{a}{b}\right)^{2}"),
        ("exp(-x)", "e^{-x}"),
        ("log(1 - epsilon)", r"\log(1 - \epsilon)"),
        ("Rational(1, 2) * Delta_w", r"\tfrac{1}{2} \Delta_w"),
        ("relu(1 - n_max)", r"\max(0,\, 1 - n_{max})"),
    ],
)
def test_expression_is_set_in_the_authors_order(source, expected):
    assert notation.tex(source) == expected


@pytest.mark.parametrize("source", ["a if b else c", "a.b", "f(x)", "sigma(x=1)", "'text'"])
def test_syntax_without_notation_is_refused(source):
    with pytest.raises(ValueError, match="no notation for"):
        notation.tex(source)


def read_back(tex: str) -> str:
    """Python of TeX: an independent reading of what a reader sees, for the commands that notation uses."""
    for command, python in (
        (r"\\left|\\right|\\,", ""),
        (r"\\log\\sigma", " log_sigma"),
        (r"\\sigma", " sigma"),
        (r"\\max\(0,", " relu("),
        (r"\\mathbf\{1\}\[(.*?) > 0\]", r" step(\1)"),
        (r"\\log (\\?\w+)", r" log(\1)"),
        (r"\\log", " log"),
        (r"\\cdot", "*"),
        (r"\\t?frac", "FRAC"),
        (r"e\^\{", "EXP{"),
    ):
        tex = re.sub(command, python, tex)
    while "FRAC{" in tex:
        at = tex.rindex("FRAC{")
        over, rest = group(tex[at + 4 :])
        under, rest = group(rest)
        tex = f"{tex[:at]} (({over})/({under})) {rest}"
    while "EXP{" in tex:
        at = tex.rindex("EXP{")
        power, rest = group(tex[at + 3 :])
        tex = f"{tex[:at]} exp({power}) {rest}"
    tex = re.sub(r"\^\{(\w+)\}", r"**\1", tex).replace("\\", " ")
    tokens = re.findall(r"\*\*|[-+*/()]|[\w.]+", tex)
    python = ""
    for left, right in zip(["+", *tokens], tokens, strict=False):
        function = left in {"log", "sigma", "log_sigma", "relu", "step", "exp"}
        ends, begins = left == ")" or left[0].isalnum(), right == "(" or right[0].isalnum()
        python += ("*" if ends and begins and not function else "") + right
    return python


def group(text: str) -> tuple[str, str]:
    """The content of the braces that text begins with, and what follows them."""
    depth = 0
    for at, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if not depth:
            return text[1:at], text[at + 1 :]
    raise AssertionError(text)


NAMES = formulas.NUMBERS | {"exp": math.exp, "log": math.log}


def number(python: str, values: dict[str, float]) -> float:
    return eval(python, {**NAMES, **values})


def printed(formula):
    """(left-hand side, TeX, expression) of each equation of a formula."""
    yield "loss", formulas.tex(formula).partition(" = ")[2], formula.loss
    for row, derivative in zip(
        formulas.equation(formula, "gradient").removeprefix(r"\begin{aligned} ").split(r" \\[6pt] "),
        formulas.gradient(formula).values(),
        strict=True,
    ):
        yield "gradient", row.partition("&= ")[2].removesuffix(r" \end{aligned}"), derivative


@pytest.mark.parametrize("name", DPO)
def test_what_is_printed_reads_back_as_the_expression(name):
    generator = random.Random(name)
    for view, tex, expression in printed(DPO[name]):
        assert tex, view
        for _ in range(20):
            values = {str(symbol): generator.uniform(0.1, 0.45) for symbol in expression.free_symbols}
            function = sympy.lambdify(list(values), expression, modules=[formulas.NUMBERS, "math"])
            assert number(read_back(tex), values) == pytest.approx(function(**values)), (view, tex)


def test_reading_back_notices_a_changed_sign():
    tex = formulas.tex(DPO["ipo"]).partition(" = ")[2]
    values = {"s_w": 0.3, "n_w": 2.0, "s_l": 0.2, "n_l": 3.0, "beta": 0.1}
    assert number(read_back(tex), values) != pytest.approx(number(read_back(tex.replace(" - ", " + ", 1)), values))


# --- formulas ---


def test_gradient_and_initial_value_are_derived(load):
    square = load(REGION)["square"]
    m, beta = square.variables[0], sympy.Symbol("beta", positive=True)
    assert sympy.simplify(formulas.gradient(square)[m] - 2 * (m - 1 / beta)) == 0
    assert formulas.initial(square) == (1 / beta**2, pytest.approx(100))
    assert formulas.equation(square, "initial").endswith(r"= \beta^{-2} = 100 \quad \text{at } \beta = 0.1")


@pytest.mark.parametrize(
    "wrong", ["-beta * sigma(beta * m)", "beta * sigma(-beta * m)", "-2 * beta * sigma(-beta * m)", "-sigma(-beta * m)"]
)
def test_a_gradient_that_is_not_the_derivative_is_refused(load, wrong):
    with pytest.raises(formulas.FormulaError, match="GRADIENTS of `plain` by m: .* is not the derivative"):
        load(REGION.replace("-beta * sigma(-beta * m)", wrong))


def test_a_gradient_of_no_formula_is_refused(load):
    with pytest.raises(formulas.FormulaError, match="GRADIENTS names plane, which is no formula"):
        load(REGION.replace('GRADIENTS = {"plain"', 'GRADIENTS = {"plane"'))


def test_a_name_given_twice_is_refused(load):
    with pytest.raises(formulas.FormulaError, match="names the formula `plain` twice"):
        load(REGION.replace("GRADIENTS =", 'SCORES = {"plain": m}\nGRADIENTS ='))


def test_a_missing_file_or_region_is_named(load, tmp_path):
    with pytest.raises(formulas.FormulaError, match=r"nothing\.py has no region `expressions`"):
        formulas.load("nothing", tmp_path)
    with pytest.raises(formulas.FormulaError, match=r"own\.py has no region `expressions`: mark it with"):
        load("LOSSES = {}\n")


def test_an_unknown_name_gets_the_closest():
    with pytest.raises(formulas.FormulaError, match="no formula `sigmod`; the closest is `sigmoid`"):
        formulas.find(DPO, "sigmod")
    assert formulas.find(DPO, "hinge").name == "hinge"


def test_an_unknown_view_is_refused():
    with pytest.raises(formulas.FormulaError, match="has no view `los`: there are loss, gradient, initial, plot"):
        formulas.render_view(DPO["sigmoid"], "los")


def test_views_carry_ids_and_delimiters():
    assert formulas.render_view(DPO["sigmoid"], "loss") == (
        '<div class="arithmatex equation" id="sigmoid-loss">'
        r"\[ \mathcal{L}_{\text{sigmoid}} = -\log\sigma(\beta m) \]</div>"
    )
    assert formulas.render_markdown(DPO["sigmoid"], "loss").startswith("$$\n")
    assert "at 0" in formulas.render_markdown(DPO["sigmoid"], "plot")


def test_curves_are_the_expression():
    curve = formulas.curves(DPO["sigmoid"], 3)
    assert curve["loss"] == [(x, pytest.approx(math.log1p(math.exp(-0.1 * x)))) for x in (-60, 0, 60)]
    assert curve["m"][1] == (0, pytest.approx(-0.05))


def test_loading_needs_no_torch():
    code = (
        f"import sys; from trldoc import formulas; formulas.load('dpo', {str(ROOT)!r}); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


# --- plots ---


@pytest.mark.parametrize("name", DPO)
def test_a_plot_is_small_deterministic_and_described(name):
    svg = formulas.plot_svg(DPO[name])
    assert svg == formulas.plot_svg(DPO[name])
    assert len(svg) < 8_000
    assert f'aria-label="{name} and its derivative' in svg and "<title>" in svg and "nan" not in svg and "var(--" in svg


def test_the_comparison_shows_every_loss():
    figure = formulas.render_comparison(DPO)
    assert [
        name for name, formula in DPO.items() if formula.group == "LOSSES" and f">{name}</text>" not in figure
    ] == []
    assert len(figure) < 20_000


def test_a_point_outside_the_frame_is_cut():
    frame = plots.Frame(0, 0, 100, 100, (0, 1), (0, 1))
    assert frame.place(0.5, 7) == (50, 0)
    assert frame.place(0.5, 0.25) == (50, 75)
