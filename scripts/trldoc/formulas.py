"""Formulas: symbolic losses of `examples/formulas/<slug>.py` as TeX, gradients, values at initialization, curves.

Knows SymPy and the few names an expressions region must define. Does not know TRL, torch, records or MkDocs.

An expressions region defines dictionaries of named expressions (`LOSSES`, `SCORES`), and for all of them `START`
(symbol -> value where policy = reference), `PATH` (symbol -> its place on the plotted margin x) and `VALUES`
(parameter -> value used for numbers and curves); `AXIS` (name, reach) where the curves run along something else than a
margin. A formula's equation is set from the expression's own source text,
in the author's order; gradient, values and curves are derived from the expression.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import sympy

from . import notation, plots

REGION = r"^# --8<-- \[start:{name}\]\n(?P<body>.*?)^# --8<-- \[end:{name}\]$"
HEADS = {"LOSSES": r"\mathcal{L}", "SCORES": "s"}  # dictionary of the region -> what its equations define
AXES = {"LOSSES": ("margin", 60), "SCORES": ("log-ratio", 4)}  # what the curves run along, and how far either way
AT = r"\pi_\theta = \pi_{\text{ref}}"  # the starting point, unless a region says otherwise
CURVES = {"LOSSES": "loss", "SCORES": "score"}
NUMBERS = {  # the functions of `functions.py`, for drawing
    "sigma": lambda x: 0.5 + 0.5 * math.tanh(x / 2),
    "log_sigma": lambda x: min(x, 0) - math.log1p(math.exp(-abs(x))),
    "relu": lambda x: max(x, 0.0),
    "step": lambda x: float(x > 0),
}


class FormulaError(ValueError):
    """A formula that cannot be found, read or shown: says what was asked for, and what there is."""


@dataclass(frozen=True)
class Formula:
    """One named expression of one trainer, with what is needed to derive all its views."""

    slug: str
    name: str
    group: str  # the dictionary that it stands in: "LOSSES" or "SCORES"
    loss: sympy.Expr
    source: str  # Python text of the expression, as the author wrote it
    start: dict[sympy.Symbol, int]  # variable -> value where policy = reference
    path: dict[sympy.Symbol, sympy.Expr]  # variable -> its place on the plotted margin x
    values: dict[sympy.Symbol, float]  # parameter -> value used for numbers and curves
    gradients: dict[str, tuple[sympy.Expr, str]]  # variable's name -> derivative as the author sets it, and its source
    axis: tuple[str, float]  # what the curves run along, and how far either way
    at: str  # TeX of the starting point

    @property
    def left(self) -> str:
        """TeX of the left-hand side."""
        return f"{HEADS[self.group]}_{{{notation.text(self.name)}}}"

    @property
    def variables(self) -> list[sympy.Symbol]:
        """What training moves, in the region's order."""
        return [symbol for symbol in self.start if symbol in self.loss.free_symbols]


def load(slug: str, root: Path) -> dict[str, Formula]:
    """All formulas of a trainer by name, in the file's order. Runs its expressions region only, which needs just SymPy.

    Raises FormulaError when the file or a region is missing, a name is given twice, or a gradient is not the derivative.
    """
    folder = Path(root) / "examples" / "formulas"
    space: dict = {}
    exec(_region(folder / "functions.py", "functions"), space)  # noqa: S102 - our own file, and no data reaches it
    text = _region(folder / f"{slug}.py", "expressions")
    exec(text, space)  # noqa: S102 - as above
    written = {name: node for _, name, node in _entries(text, ["GRADIENTS"])}
    formulas: dict[str, Formula] = {}
    for group, name, node in _entries(text, HEADS):
        if name in formulas:
            raise FormulaError(f"examples/formulas/{slug}.py names the formula `{name}` twice")
        sources = {key.id: ast.unparse(value) for key, value in _items(written.pop(name, ast.Dict([], [])))}
        gradients = {key: (space["GRADIENTS"][name][space[key]], source) for key, source in sources.items()}
        tables = (space["START"], space["PATH"], space["VALUES"])
        about = (gradients, space.get("AXIS", AXES[group]), space.get("AT", AT))
        formulas[name] = Formula(slug, name, group, space[group][name], ast.unparse(node), *tables, *about)
        _check(formulas[name])
    if written:
        raise FormulaError(
            f"examples/formulas/{slug}.py: GRADIENTS names {', '.join(written)}, which is no formula there"
        )
    return formulas


def find(formulas: dict[str, Formula], name: str) -> Formula:
    """The formula of that name. Raises FormulaError that offers the closest match."""
    if name in formulas:
        return formulas[name]
    close = difflib.get_close_matches(name, formulas, n=1, cutoff=0)[0]
    raise FormulaError(f"there is no formula `{name}`; the closest is `{close}`, of {', '.join(formulas)}")


def tex(formula: Formula) -> str:
    """TeX of the equation, without delimiters."""
    return f"{formula.left} = {notation.tex(formula.source)}"


def gradient(formula: Formula) -> dict[sympy.Symbol, sympy.Expr]:
    """Variable -> derivative of the expression."""
    return {variable: formula.loss.diff(variable) for variable in formula.variables}


def initial(formula: Formula) -> tuple[sympy.Expr, float]:
    """The value where policy = reference: exact, and as a number at the formula's own parameters."""
    exact = formula.loss.subs(formula.start)
    exact = min((exact, sympy.expand(exact), sympy.factor(exact)), key=sympy.count_ops)
    return exact, float(_numeric(formula, exact)(0))


def curves(formula: Formula, points: int = 97) -> dict[str, plots.Points]:
    """Points (x, y) of the loss and of each derivative along the margin, at the formula's own parameters.

    The keys are `loss` and the names of the variables.
    """
    wanted = {"loss": formula.loss} | {variable.name: formula.loss.diff(variable) for variable in formula.variables}
    numeric = {key: _numeric(formula, expression) for key, expression in wanted.items()}
    return {key: [(x, value(x)) for x in _margins(formula, points)] for key, value in numeric.items()}


def plot_svg(formula: Formula) -> str:
    """The loss and its derivatives against the margin, as one SVG element."""
    lines = curves(formula)
    derivatives = {f"derivative by {_letters(key)}": points for key, points in lines.items() if key != "loss"}
    return plots.pair(
        _alternative(formula), (CURVES[formula.group], lines["loss"]), derivatives, f"{formula.axis[0]} (nats)"
    )


def render_view(formula: Formula, view: str) -> str:
    """One view as HTML: an equation with an id, or a figure. Raises FormulaError for an unknown view."""
    if view == "plot":
        moved = f"{_given(formula.path, formula.variables)}, where x is the {formula.axis[0]}"
        values = _given(formula.values, formula.loss.free_symbols)
        told = [moved] * (len(formula.variables) > 1) + [f"at {values}"] * bool(values)
        return _figure(f"{formula.name}-plot", plot_svg(formula), "; ".join(told))
    return f'<div class="arithmatex equation" id="{formula.name}-{view}">\\[ {equation(formula, view)} \\]</div>'


def render_markdown(formula: Formula, view: str) -> str:
    """One view as plain Markdown: TeX between dollars, or a plot's text alternative."""
    return f"({_alternative(formula)}.)" if view == "plot" else f"$$\n{equation(formula, view)}\n$$"


def equation(formula: Formula, view: str) -> str:
    """TeX of a view. Raises FormulaError for an unknown view."""
    if view not in EQUATIONS:
        raise FormulaError(f"`{formula.name}` has no view `{view}`: there are {', '.join((*EQUATIONS, 'plot'))}")
    return EQUATIONS[view](formula)


def render_comparison(formulas: dict[str, Formula]) -> str:
    """One figure of all losses: each moved and scaled to value 0 and slope 1 where policy = reference."""
    cells = {formula.name: _scaled(formula) for formula in formulas.values() if formula.group == "LOSSES"}
    first = next(iter(cells))
    label = f"{len(cells)} losses and their derivatives against the margin: {', '.join(cells)}"
    name, reach = formulas[first].axis
    caption = (
        f"Every loss over a {name} from -{reach} to {reach} nats, less its value at initialization, in units of its slope "
        f"there times {reach}; its derivative in units of that slope. Gray: {first}. Cut at the frame"
    )
    return _figure(f"{formulas[first].slug}-losses", plots.grid(label, cells, -2.1, 2.1), caption)


def _region(path: Path, name: str) -> str:
    found = re.search(REGION.format(name=name), path.read_text(), re.MULTILINE | re.DOTALL) if path.exists() else None
    if not found:
        raise FormulaError(f"{path} has no region `{name}`: mark it with `# --8<-- [start:{name}]` and `[end:{name}]`")
    return found["body"]


def _entries(text: str, tables: Iterable[str]) -> list[tuple[str, str, ast.expr]]:
    """(dictionary, key, node of the value) of the region's dictionaries of these names."""
    return [
        (statement.targets[0].id, key.value, value)
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", None) in tables
        for key, value in _items(statement.value)
    ]


def _items(node: ast.Dict) -> Iterable[tuple[ast.expr, ast.expr]]:
    return zip(node.keys, node.values, strict=True)


def _check(formula: Formula) -> None:
    """Refuse a gradient, set by hand to read well, that is not the derivative: compared at many points of the path."""
    for variable, derivative in gradient(formula).items():
        written, source = formula.gradients.get(variable.name, (derivative, ""))
        difference = _numeric(formula, written - derivative)
        if any(abs(difference(x)) > 1e-9 for x in _margins(formula, 31)):
            raise FormulaError(
                f"GRADIENTS of `{formula.name}` by {variable}: `{source}` is not the derivative, `{derivative}`"
            )


def _numeric(formula: Formula, expression: sympy.Expr) -> Callable[[float], float]:
    """The expression as a function of the margin x."""
    at = expression.subs(formula.path).subs(formula.values)
    return sympy.lambdify(sympy.Symbol("x", real=True), at, modules=[NUMBERS, "math"])


def _margins(formula: Formula, points: int) -> list[float]:
    """Margins, denser where policy and reference agree; of an odd number of points the middle one is 0."""
    reach = formula.axis[1]
    shares = (2 * index / (points - 1) - 1 for index in range(points))
    return [reach * share * abs(share) for share in shares]


def _scaled(formula: Formula) -> tuple[plots.Points, plots.Points]:
    """Loss and slope along the margin, over the size of the slope where policy = reference."""
    along = formula.loss.subs(formula.path)
    loss, slope = _numeric(formula, along), _numeric(formula, along.diff(sympy.Symbol("x", real=True)))
    margins, size = _margins(formula, 41), abs(slope(0))
    scale = size * formula.axis[1]
    return [(x, (loss(x) - loss(0)) / scale) for x in margins], [(x, slope(x) / size) for x in margins]


def _alternative(formula: Formula) -> str:
    """What a reader who does not see the plot is told."""
    points = curves(formula, 3)["loss"]
    told = ", ".join(f"{y:.3g} at {x:g}" for x, y in points)
    return f"{formula.name} and its derivative against the {formula.axis[0]} in nats: {told}"


def _figure(identifier: str, drawing: str, caption: str) -> str:
    caption = (
        f"<figcaption>{caption[:1].upper() if caption[:3] == 'at ' else caption[:1]}{caption[1:]}.</figcaption>"
        if caption
        else ""
    )
    return f'<figure class="plot" id="{identifier}">{drawing}{caption}</figure>'


def _gradient_tex(formula: Formula) -> str:
    rows = []
    for variable, derivative in gradient(formula).items():
        _, source = formula.gradients.get(variable.name, (derivative, sympy.sstr(derivative)))
        left = rf"\frac{{\partial {formula.left}}}{{\partial {notation.name(variable.name)}}}"
        rows.append(f"{left} &= {notation.tex(source)}")
    return r"\begin{aligned} " + r" \\[6pt] ".join(rows) + r" \end{aligned}"


def _initial_tex(formula: Formula) -> str:
    exact, number = initial(formula)
    left = rf"{formula.left}\,\Big|_{{{formula.at}}} = {notation.tex(sympy.sstr(exact))}"
    if exact.is_Rational:
        return left
    values = ",\\; ".join(
        f"{notation.name(s.name)} = {formula.values[s]}" for s in formula.values if s in exact.free_symbols
    )
    sign = "=" if math.isclose(number, round(number, 3), rel_tol=1e-12) else r"\approx"
    return rf"{left} {sign} {number:.4g}" + (rf" \quad \text{{at }} {values}" if values else "")


def _given(table: dict[sympy.Symbol, object], wanted: set[sympy.Symbol] | list[sympy.Symbol]) -> str:
    return _letters(", ".join(f"{symbol} = {table[symbol]}" for symbol in table if symbol in wanted))


def _letters(text: str) -> str:
    """Symbol names with their Greek letters, for plain text."""
    greek = {
        "Delta": "Δ",
        "beta": "β",
        "epsilon": "ε",
        "tau": "τ",
        "alpha": "α",
        "gamma": "γ",
        "eta": "η",
        "lambda": "λ",
    }
    for word, letter in greek.items():
        text = text.replace(word, letter)
    return text


EQUATIONS = {"loss": tex, "gradient": _gradient_tex, "initial": _initial_tex}
