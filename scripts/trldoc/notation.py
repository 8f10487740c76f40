r"""Notation: a Python expression's source text as TeX, term by term in the author's order.

`-log_sigma(beta * m)` becomes `-\log\sigma(\beta m)`. Knows Python's expression syntax and how papers set it.
Does not know SymPy, any loss, or what a symbol means.
"""

from __future__ import annotations

import ast

GREEK = {
    *("alpha", "beta", "gamma", "delta", "epsilon", "eta", "lambda", "pi", "rho", "sigma", "tau", "theta", "Delta"),
    "ell",
}
SUM, MINUS, PRODUCT, POWER, ATOM = range(5)  # how tightly a piece of TeX holds together; MINUS is "-" and a product


def tex(source: str | ast.expr) -> str:
    """TeX of an expression. Raises ValueError for syntax or a function that has no notation here."""
    return _piece(ast.parse(source, mode="eval").body if isinstance(source, str) else source)[0]


def name(identifier: str) -> str:
    r"""TeX of a symbol's name: `Delta_w` is `\Delta_w`, `n_w` is `n_w`."""
    base, _, index = identifier.partition("_")
    index = f"_{{{index}}}" if len(index) > 1 else f"_{index}" if index else ""
    return ("\\" + base if base in GREEK else base) + index


def text(identifier: str) -> str:
    r"""TeX of an option's name, upright: `exo_pair` is `\text{exo\_pair}`."""
    return r"\text{" + identifier.replace("_", r"\_") + "}"


def _piece(node: ast.expr) -> tuple[str, int]:
    match node:
        case ast.Name():
            return name(node.id), ATOM
        case ast.Constant(value=int() | float()):
            return str(node.value), ATOM
        case ast.UnaryOp(op=ast.USub()):
            return "-" + _within(node.operand, PRODUCT), MINUS
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return _sum(tex(node.left), node.right, isinstance(node.op, ast.Sub)), SUM
        case ast.BinOp(op=ast.Mult()):
            return _signed(node.left, lambda left: left + _between(left, _within(node.right, PRODUCT)))
        case ast.BinOp(op=ast.Div()):
            return _signed(node.left, lambda over: rf"\frac{{{over}}}{{{tex(node.right)}}}", least=SUM)
        case ast.BinOp(op=ast.Pow()):
            return f"{_within(node.left, ATOM)}^{{{tex(node.right)}}}", POWER
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if function in CALLS:
            return CALLS[function](*arguments)
    raise ValueError(
        f"no notation for `{ast.unparse(node)}`: use + - * / **, names, numbers, {', '.join(sorted(CALLS))}"
    )


def _sum(left: str, right: ast.expr, subtract: bool) -> str:
    piece, strength = _piece(right)
    if strength == MINUS and not subtract:
        return f"{left} - {piece[1:]}"
    return f"{left} {'-' if subtract else '+'} {_within(right, PRODUCT if subtract else SUM)}"


def _signed(first: ast.expr, build, least: int = PRODUCT) -> tuple[str, int]:
    """A product or fraction built on its first part, with that part's minus sign pulled to the front."""
    piece, strength = _piece(first)
    if strength == MINUS:
        return "-" + build(piece[1:]), MINUS
    return build(_within(first, least)), PRODUCT


def _between(left: str, right: str) -> str:
    """The right factor, with the space or dot that keeps the two apart."""
    if right[0].isdigit():
        return r" \cdot " + right
    return (r" \, " if left[-1] in ")]" and right[0] == "\\" or right.startswith(r"\left(") else " ") + right


def _within(node: ast.expr, least: int) -> str:
    """TeX of a piece, in parentheses when it holds together less tightly than `least`."""
    piece, strength = _piece(node)
    return _parentheses(piece) if strength < least else piece


def _parentheses(piece: str) -> str:
    return rf"\left({piece}\right)" if r"\frac" in piece or r"\left(" in piece else f"({piece})"


def _log(x: ast.expr) -> tuple[str, int]:
    plain = isinstance(x, ast.Name | ast.Constant)
    return r"\log" + (" " + tex(x) if plain else _parentheses(tex(x))), PRODUCT


CALLS = {
    "sigma": lambda x: (r"\sigma" + _parentheses(tex(x)), ATOM),
    "log_sigma": lambda x: (r"\log\sigma" + _parentheses(tex(x)), PRODUCT),
    "relu": lambda x: (rf"\max(0,\, {tex(x)})", ATOM),
    "step": lambda x: (rf"\mathbf{{1}}[{tex(x)} > 0]", ATOM),
    "exp": lambda x: (f"e^{{{tex(x)}}}", POWER),
    "log": _log,
    "Rational": lambda over, under: (rf"\tfrac{{{tex(over)}}}{{{tex(under)}}}", PRODUCT),
}
