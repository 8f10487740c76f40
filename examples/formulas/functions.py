"""The few functions that loss formulas are written with, as SymPy functions which know their own derivatives.

Knows SymPy only. Does not know any trainer, torch, or how an equation is set.
"""

# --8<-- [start:functions]
import sympy


class sigma(sympy.Function):
    """The logistic function 1 / (1 + exp(-x))."""

    @classmethod
    def eval(cls, x):
        return sympy.Rational(1, 2) if x.is_zero else None

    def fdiff(self, argindex=1):
        return sigma(self.args[0]) * sigma(-self.args[0])


class log_sigma(sympy.Function):
    """log(sigma(x)) as one function: computed in one piece, it stays exact where sigma rounds to 0."""

    @classmethod
    def eval(cls, x):
        return -sympy.log(2) if x.is_zero else None

    def fdiff(self, argindex=1):
        return sigma(-self.args[0])


class relu(sympy.Function):
    """max(0, x)."""

    @classmethod
    def eval(cls, x):
        return sympy.Max(0, x) if x.is_number else None

    def fdiff(self, argindex=1):
        return step(self.args[0])


class step(sympy.Function):
    """1 where x > 0, else 0: the slope of relu, with torch's choice at the kink."""

    @classmethod
    def eval(cls, x):
        return sympy.Integer(bool(x > 0)) if x.is_number else None


# --8<-- [end:functions]
