"""Records: what happened when an example last ran, as data, and whether that still holds.

Knows dataclasses, JSON, hashes and how a value is printed. Does not know how to run anything, and imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from functools import lru_cache
from pathlib import Path

from trldoc.values import Value, describe, observe

__all__ = ["Function", "Record", "RecordError", "Status", "Value", "Variant", "describe", "lookup", "observe"]


class RecordError(ValueError):
    """A record that cannot be read; the message names the file and the command that repairs it."""


@dataclass(frozen=True)
class Function:
    """One recorded call of one function of TRL. Lines count from 0 at the symbol's first line (decorators included)."""

    module: str  # "trl.trainer.dpo_trainer"
    qualname: str  # "DPOTrainer._prepare_dataset.tokenize_fn"
    lines: dict[int, tuple[Value, ...]]  # first line of a statement → what it assigned, appended or returned
    executed: tuple[int, ...]  # lines that ran in the recorded call, all lines of a statement counted
    calls: int  # how often the function was called in the whole run
    call: int = 1  # which of these calls was recorded


@dataclass(frozen=True)
class Variant:
    """The same example run with other arguments, so that branches are recorded that the first run does not take."""

    command: str
    functions: tuple[Function, ...]
    summary: dict = field(default_factory=dict)
    example_row: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """What one run of an example did, under which conditions."""

    example: str  # slug
    command: str  # what a reader would type
    inputs: dict[str, str]  # path relative to the repository → sha256
    versions: dict[str, str]  # distribution → version, "python" among them
    device: str
    weights: str  # "stand-in" or "real"
    date: str  # ISO day
    seconds: float  # wall clock of the run
    log_history: tuple[dict, ...]  # as TRL logged it
    summary: dict  # numbers derived from the run
    functions: tuple[Function, ...] = ()
    variants: dict[str, Variant] = field(default_factory=dict)
    example_row: dict = field(default_factory=dict)  # the one row that is followed through the trace
    completions: tuple[dict, ...] = ()  # greedy answers before and after
    output: str = ""  # what the script printed

    def function(self, qualname: str, variant: str | None = None) -> Function | None:
        """The recorded call of `qualname` (or `module:qualname`) in the run or a variant; None if not traced."""
        module, _, name = qualname.rpartition(":")
        if variant is not None and variant not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise RecordError(f"record `{self.example}` has no variant `{variant}`; it has {known}")
        functions = self.functions if variant is None else self.variants[variant].functions
        found = [f for f in functions if f.qualname == name and module in ("", f.module)]
        return found[0] if found else None


@dataclass(frozen=True)
class Status:
    """Whether a record still holds: `name` is verified, outdated, stale or missing; `why` is one sentence."""

    name: str
    why: str


def record_path(slug: str, root: Path) -> Path:
    return root / "examples" / "records" / f"{slug}.json"


def load(path: Path) -> Record | None:
    """Read a record; None when there is none. Raises RecordError when it cannot be read."""
    return _load(path, path.stat().st_mtime_ns) if path.exists() else None


@lru_cache(maxsize=None)
def _load(path: Path, changed: int) -> Record:
    """Read once as long as the file stays as it is: a page asks for its record at every line it shows."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError) as error:
        repair = f"make record EX={path.stem.removesuffix('-real')}" + (" WEIGHTS=real" * path.stem.endswith("-real"))
        raise RecordError(f"{path} is not a record ({type(error).__name__}: {error}); run `{repair}`") from None


def save(record: Record, path: Path) -> bool:
    """Write `record` whole or not at all; False, and no write, when only day and duration would change."""
    before = load(path) if path.exists() else None
    if before is not None and unchanged(before, record):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(to_json(record))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def unchanged(before: Record, after: Record) -> bool:
    """True when two records say the same apart from when and how fast they ran."""
    return _timeless(before) == _timeless(after)


def _timeless(record: Record) -> Record:
    def without(entry: dict) -> dict:
        slow = ("runtime", "per_second", "seconds", "rss")
        return {key: value for key, value in entry.items() if not any(word in key for word in slow)}

    variants = {name: replace(variant, summary=without(variant.summary)) for name, variant in record.variants.items()}
    return replace(
        record,
        date="",
        seconds=0.0,
        log_history=tuple(without(entry) for entry in record.log_history),
        summary=without(record.summary),
        variants=variants,
        output="",
    )


def status(record: Record | None, root: Path, release: str) -> Status:
    """Compare a record with the files under `root` and the pinned TRL `release`."""
    if record is None:
        return Status("missing", "not run yet")
    for path, digest in record.inputs.items():
        file = root / path
        if not file.exists():
            return Status("stale", f"{path} is gone since the run of {record.date}")
        if sha256(file) != digest:
            return Status("stale", f"{path} changed since the run of {record.date}")
    ran = record.versions["trl"]
    if ran != release:
        return Status("outdated", f"ran with TRL {ran} on {record.date}; the site pins {release}")
    return Status("verified", f"ran with TRL {ran} on {record.date}, {record.weights} weights, {record.device}")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hashes(paths: Iterable[Path], root: Path) -> dict[str, str]:
    """Path relative to `root` → sha256, in order of path."""
    return {str(path.relative_to(root)): sha256(path) for path in sorted(paths)}


def lookup(record: Record, dotted: str):
    """The value at a dotted path, e.g. `summary.final_loss` or `log_history.0.loss`. KeyError names what is there."""
    here: object = record
    walked: list[str] = []
    rest = dotted
    while rest:
        inside = _inside(here)
        # Keys such as "rewards/margins" or "trl.data_utils" may hold dots: the longest key that fits wins.
        fits = [key for key in inside if rest == key or rest.startswith(key + ".")]
        if not fits:
            place = ".".join(walked) or "the record"
            raise KeyError(f"{place} has no `{rest}`; it has {', '.join(list(inside)[:30]) or 'nothing below'}")
        key = max(fits, key=len)
        here = inside[key]
        walked.append(key)
        rest = rest[len(key) + 1 :]
    return here


def _inside(value: object) -> dict[str, object]:
    """What stands one step below a value, by the name that a dotted path gives it."""
    if is_dataclass(value):
        return vars(value)
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    return {str(number): item for number, item in enumerate(value)} if isinstance(value, list | tuple) else {}


def to_json(record: Record) -> str:
    return json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Record:
    data = json.loads(text)
    data["functions"] = _functions(data["functions"])
    data["variants"] = {
        name: Variant(**{**entry, "functions": _functions(entry["functions"])})
        for name, entry in data["variants"].items()
    }
    for name in ("log_history", "completions"):
        data[name] = tuple(data[name])
    return Record(**data)


def _functions(entries: list[dict]) -> tuple[Function, ...]:
    return tuple(
        Function(
            **{
                **entry,
                "lines": {
                    int(line): tuple(Value(**{**value, "shape": _tuple(value["shape"])}) for value in values)
                    for line, values in entry["lines"].items()
                },
                "executed": tuple(entry["executed"]),
            }
        )
        for entry in entries
    )


def _tuple(shape: list[int] | None) -> tuple[int, ...] | None:
    return None if shape is None else tuple(shape)
