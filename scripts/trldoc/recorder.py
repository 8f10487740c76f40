"""Recorder: traces chosen functions of TRL while they run, and writes down what each statement produced.

Knows frames and `sys.settrace`. Does not know which example runs, or what its values mean.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Self

from trldoc.library import Library, Symbol
from trldoc.records import Function, Value, observe
from trldoc.statements import Statement, plan


@dataclass
class _Traced:
    """What is known of one symbol while the program runs."""

    symbol: Symbol
    node: ast.FunctionDef
    source: str
    chosen: int | None  # the number of the call to record; None: the first outside calls that are passed over
    plan: dict[int, Statement] = field(default_factory=dict)
    calls: int = 0
    call: int | None = None  # the call that was recorded
    lines: dict[int, tuple[Value, ...]] = field(default_factory=dict)
    executed: set[int] = field(default_factory=set)


class Recorder:
    """Context manager that records one call of each chosen function.

    `calls` names the call to record for functions that are called again and again (a training step, a collator). While
    another call of such a function runs, nothing inside it is recorded, so that all values belong to one step.
    """

    def __init__(
        self,
        library: Library,
        references: list[str],
        calls: dict[str, int] | None = None,
        seen: Callable[[str, int, FrameType], None] | None = None,
    ):
        """`seen(qualname, number, frame)` is told of every call of the functions in `calls`, recorded or not."""
        chosen = {library.find(reference): number for reference, number in (calls or {}).items()}
        symbols = dict.fromkeys([library.find(reference) for reference in references] + list(chosen))
        self._traced: dict[tuple[str, str], _Traced] = {}
        for symbol in symbols:
            node = library.node(symbol)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):  # a class has no call of its own
                traced = _Traced(symbol, node, library.files[symbol.path], chosen.get(symbol))
                self._traced[symbol.path, symbol.qualname] = traced
        self._by_code: dict[CodeType, _Traced | None] = {}
        self._seen = seen
        self._passed_over = 0  # depth of calls that were not the chosen ones

    def __enter__(self) -> Self:
        sys.settrace(self._enter_call)
        return self

    def __exit__(self, *exc) -> None:
        sys.settrace(None)

    def functions(self) -> tuple[Function, ...]:
        """The recorded calls in order of file and line; functions that were never called are left out."""
        found = [traced for traced in self._traced.values() if traced.call is not None]
        found.sort(key=lambda traced: (traced.symbol.path, traced.symbol.start))
        return tuple(
            Function(
                module=traced.symbol.module,
                qualname=traced.symbol.qualname,
                lines=dict(sorted(traced.lines.items())),
                executed=tuple(sorted(traced.executed)),
                calls=traced.calls,
                call=traced.call,
            )
            for traced in found
        )

    def missed(self) -> tuple[str, ...]:
        """Chosen calls that never came: the run was shorter than the number asked for."""
        return tuple(
            f"{traced.symbol.qualname}: call {traced.chosen} was asked for, there were {traced.calls}"
            for traced in self._traced.values()
            if traced.chosen is not None and traced.call is None
        )

    def _enter_call(self, frame: FrameType, event: str, argument):
        code = frame.f_code
        if code not in self._by_code:
            self._by_code[code] = self._find(code)
        traced = self._by_code[code]
        if traced is None:
            return None
        traced.calls += 1
        if traced.chosen is not None and self._seen is not None:
            self._seen(traced.symbol.qualname, traced.calls, frame)
        if traced.chosen is not None and traced.calls != traced.chosen:
            self._passed_over += 1
            frame.f_trace_lines = False
            return self._leave_passed_over
        if self._passed_over or traced.call is not None:
            return None
        traced.call = traced.calls
        return _CallTracer(traced, frame).trace

    def _leave_passed_over(self, frame: FrameType, event: str, argument):
        if event == "return":
            self._passed_over -= 1
        return self._leave_passed_over

    def _find(self, code: CodeType) -> _Traced | None:
        _, mark, rest = code.co_filename.rpartition("/trl/")
        traced = self._traced.get((f"trl/{rest}", code.co_qualname.replace("<locals>.", ""))) if mark else None
        if traced is None:
            return None
        with open(code.co_filename, encoding="utf-8") as file:
            if file.read() != traced.source:
                raise RuntimeError(
                    f"{code.co_filename} is not the file of the pinned TRL release; install that release"
                )
        if not traced.plan:
            traced.plan = plan(traced.node, traced.source)
        return traced


class _CallTracer:
    """Follows one frame from statement to statement."""

    def __init__(self, traced: _Traced, frame: FrameType):
        self._traced, self._base = traced, traced.symbol.start
        self._current: Statement | None = None
        self._last_return: Statement | None = None
        arguments = traced.node.args
        positional = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in [*positional, arguments.vararg, arguments.kwarg]:
            if argument is not None and argument.arg in frame.f_locals:
                self._write(argument.lineno, [observe(argument.arg, frame.f_locals[argument.arg])])
        first = traced.node.body[0].lineno
        traced.executed.update(range(first - self._base))

    def trace(self, frame: FrameType, event: str, argument):
        if event == "line":
            statement = self._traced.plan.get(frame.f_lineno)
            if statement is not None and statement is not self._current:
                self._finish(frame)
                self._begin(statement)
        elif event == "exception":
            self._current = None  # the statement did not complete, so its targets hold older values
        elif event == "return":
            self._finish(frame)
            if self._last_return is not None:
                self._write(self._last_return.start, [observe("return", argument)])
        return self.trace

    def _begin(self, statement: Statement) -> None:
        self._current = statement
        if statement.returns:
            self._last_return = statement
        lines = [*range(statement.start, statement.end + 1), *statement.headed]
        self._traced.executed.update(line - self._base for line in lines)

    def _finish(self, frame: FrameType) -> None:
        statement, self._current = self._current, None
        if statement is None or statement.start - self._base in self._traced.lines:
            return
        values = []
        for name in statement.names:
            try:
                values.append(observe(name, _read(name, frame)))
            except (NameError, LookupError, AttributeError):
                continue  # a loop that had nothing to loop over leaves its target unset
        if values:
            self._write(statement.start, values)

    def _write(self, line: int, values: list[Value]) -> None:
        before = self._traced.lines.get(line - self._base, ())
        names = {value.name for value in before}
        self._traced.lines[line - self._base] = before + tuple(value for value in values if value.name not in names)


def _read(name: str, frame: FrameType):
    """The target's present value: a name, or a subscript or attribute of one. Targets are read, never called."""
    here = frame.f_locals
    return here[name] if name.isidentifier() else eval(name, frame.f_globals, dict(here))
