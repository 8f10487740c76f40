"""Values: how one live Python object is written down in a record and printed on a page.

Knows tensors by their attributes (no torch is imported) and plain Python objects. Does not know records or tracing.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePath

FEW = 6  # as many numbers as still read well beside a line of code
HEAD = 4  # how many of a longer sequence are shown
LONG = 48  # characters of a text
DTYPES = {"float": "f", "int": "i", "uint": "u", "bfloat": "bf", "complex": "c"}


@dataclass(frozen=True)
class Value:
    """A value as it was: `kind` is tensor, number, text, list, dict or object; `value` is its printed content.

    `dtype` is f32, i64 … for tensors and the type's name for lists, dicts and objects. `shape` holds the sizes of a
    tensor and the length of a list, dict or data set. `value` is None where printing the content would tell nothing.
    """

    name: str
    kind: str
    dtype: str | None
    shape: tuple[int, ...] | None
    value: str | None

    @property
    def text(self) -> str:
        """`f32[2] = [0.0, 0.0]`, `i64[4, 28]`, `'sigmoid'`, `list[4]`, `DPOTrainer`."""
        if self.kind in ("number", "text"):
            return self.value
        head = self.dtype + ("" if self.shape is None else str(list(self.shape)))
        return head if self.value is None else f"{head} = {self.value}"


def describe(value) -> str:
    """The printed text of a live object or of a recorded `Value`."""
    return (value if isinstance(value, Value) else observe("", value)).text


def observe(name: str, value) -> Value:
    """Write down what `value` is now. Never holds an address, an absolute path or more than a line of text."""
    if value is None or isinstance(value, (bool, int, float)):
        return Value(name, "number", None, None, _short(value))
    if isinstance(value, str):
        return Value(name, "text", None, None, _short(value))
    if _is_tensor(value):
        return Value(name, "tensor", _dtype(value), tuple(value.shape), _numbers(value))
    if isinstance(value, Mapping):
        return Value(name, "dict", type(value).__name__, (len(value),), _short(value) if value else None)
    if isinstance(value, (list, tuple)):
        return Value(name, "list", type(value).__name__, (len(value),), _short(value) if value else None)
    if hasattr(value, "column_names") and hasattr(value, "__len__"):
        return Value(name, "object", type(value).__name__, (len(value),), ", ".join(value.column_names))
    return Value(name, "object", _short(value), None, None)


def _is_tensor(value) -> bool:
    return all(hasattr(value, part) for part in ("dtype", "shape", "tolist", "dim"))


def _dtype(tensor) -> str:
    """torch.float32 → f32, torch.int64 → i64, torch.bool → bool."""
    name = str(tensor.dtype).removeprefix("torch.")
    letters = name.rstrip("0123456789")
    return DTYPES.get(letters, letters) + name[len(letters) :]


def _numbers(tensor) -> str | None:
    """All numbers of a small tensor, the first few of a longer row of whole numbers, nothing of a big float tensor."""
    tensor = tensor.detach()
    if tensor.dim() == 0:
        return _short(tensor.tolist())
    if tensor.numel() == 0:
        return None
    if tensor.numel() <= FEW:
        return _short(tensor.tolist(), FEW)
    if tensor.dim() == 1 or (tensor.dim() == 2 and not tensor.is_floating_point()):
        return _short(tensor.tolist())
    return None


def _short(value, head: int = HEAD) -> str:
    """A literal-like text of at most a line: first elements, cut texts, types instead of addresses."""
    if isinstance(value, float):
        short = f"{value:.4g}"
        return short if "e+" in short and abs(value) >= 1e6 else repr(float(short) + 0.0)  # + 0.0: no negative zero
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, str):
        text = f"…/{PurePath(value).name}" if value.startswith("/") and value.count("/") > 1 else value
        return repr(text if len(text) <= LONG else text[: LONG - 1] + "…")
    if _is_tensor(value):
        return f"{_dtype(value)}{list(value.shape)}"
    if isinstance(value, Mapping):
        plain = len(value) <= HEAD and all(
            isinstance(item, (bool, int, float, str, type(None))) for item in value.values()
        )
        items = [f"{key!r}: {_short(item)}" if plain else f"{key!r}" for key, item in value.items()]
        return "{" + ", ".join(items if plain else _cut(items, 2 * FEW)) + "}"
    if isinstance(value, (list, tuple)):
        nested = any(isinstance(item, (list, tuple, Mapping)) for item in value)
        items = _cut([_short(item, head) for item in value[: head + 1]], 1 if nested and len(value) > 2 else head)
        if isinstance(value, list):
            return "[" + ", ".join(items) + "]"
        return "(" + ", ".join(items) + (",)" if len(items) == 1 else ")")
    if isinstance(value, AbstractSet):
        return "{" + ", ".join(sorted(_short(item) for item in value)) + "}" if value else "set()"
    if isinstance(value, PurePath):
        return _short(str(value))
    if inspect.isclass(value) or inspect.isroutine(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, (slice, range)) or type(value).__name__ in ("device", "dtype", "Size"):
        return str(value)
    return type(value).__name__


def _cut(items: list[str], most: int) -> list[str]:
    return items if len(items) <= most else [*items[:most], "…"]
