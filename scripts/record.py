"""Verb `make record EX=dpo [WEIGHTS=real]`: run an example under the recorder and keep what happened.

Knows the settings of an example and the shape of a record. The parent only imports; each run is a fork of it, so that
all runs start alike and a run that fails leaves no record behind.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
import sys
import tempfile
import time
import tomllib
from datetime import date
from importlib.metadata import version
from pathlib import Path

from trldoc import hub, library, pages, records, trial, weights

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("trl", "torch", "transformers", "datasets", "accelerate", "peft")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", help="slug of the example, such as dpo")
    parser.add_argument("--weights", choices=("stand-in", "real"), default="stand-in")
    asked = parser.parse_args()
    try:
        path, record, written = record_example(asked.example, asked.weights)
    except (OSError, LookupError, ValueError, RuntimeError) as error:
        sys.exit(f"record: {error}")
    print(f"{path.relative_to(ROOT)}: {'written' if written else 'unchanged'}, {record.seconds:.0f} s, {record.device}")
    for name, functions in ((None, record.functions), *((name, v.functions) for name, v in record.variants.items())):
        for function in functions:
            print(
                f"  {f'{name}: ' if name else ''}{function.qualname}: "
                f"call {function.call} of {function.calls}, {len(function.executed)} lines ran"
            )


def record_example(slug: str, kind: str) -> tuple[Path, records.Record, bool]:
    """Run an example and its variants, and save the record. Returns its path, the record, and whether it changed."""
    script, settings = ROOT / "examples" / f"{slug}.py", read_settings(slug, kind)
    base = {"trace": settings["trace"], "calls": settings["calls"], **settings[kind]}
    runs = {None: base}
    for name, extra in base.pop("variants", {}).items():
        runs[name] = {"trace": [], "calls": {}, **extra, "arguments": f"{base['arguments']} {extra['arguments']}"}
    # Taken before the run. The settings are no input: a test compares their command with the one in the record.
    inputs = records.hashes(
        {script, *(ROOT / p for run in [settings, *runs.values()] for p in run.get("data", []))}, ROOT
    )

    home = hub.build(ROOT / ".cache") if kind == "stand-in" else weights.fetch(ROOT / ".cache")
    os.environ.update(hub.environment(home))
    os.environ.setdefault("OMP_NUM_THREADS", "1" if kind == "stand-in" else str(os.cpu_count()))
    trial.warm_up()

    started = time.monotonic()
    ran = {}
    for name, run in runs.items():
        print(f"running {script.relative_to(ROOT)}{f', variant {name}' if name else ''}", flush=True)
        ran[name] = in_fork(
            trial.Trial(
                root=ROOT,
                script=script,
                argv=shlex.split(run["arguments"]),
                references=[] if kind == "real" else [*run["trace"], *quoted(slug, name)],
                calls={} if kind == "real" else run["calls"],
                batch=None if kind == "real" else settings["batch"],
                follow=settings["follow"],
                completions=run.get("completions", 0),
                measured=run.get("measured", 0),
                max_new_tokens=run.get("max_new_tokens", 0),
            )
        )
    first = ran.pop(None)
    if kind == "real":
        first["summary"]["weights_from"] = weights.PACKAGE
    kept = ("command", "functions", "summary", "example_row")
    record = {
        **first,
        "example": slug,
        "inputs": inputs,
        "versions": {name: version(name) for name in LIBRARIES} | {"python": sys.version.split()[0]},
        "weights": kind,
        "date": date.today().isoformat(),
        "seconds": round(time.monotonic() - started, 1),
        "variants": {name: {key: other[key] for key in kept} for name, other in ran.items()},
    }
    path = records.record_path(slug if kind == "stand-in" else f"{slug}-real", ROOT)
    record = records.from_json(json.dumps(record))
    return path, record, records.save(record, path)


def read_settings(slug: str, kind: str) -> dict:
    """The settings beside an example. Raises LookupError that names the examples which can be recorded."""
    path = ROOT / "examples" / f"{slug}.toml"
    if not path.exists():
        known = ", ".join(found.stem for found in sorted(path.parent.glob("*.toml")))
        raise LookupError(f"there is no {path.relative_to(ROOT)}; examples that can be recorded: {known}")
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    if kind not in settings:
        raise LookupError(f"{path.relative_to(ROOT)} has no table [{kind}]")
    return settings


def quoted(slug: str, variant: str | None) -> list[str]:
    """Symbols that the trainer's pages quote with `record=<slug>` (or `record=<slug>/<variant>`)."""
    wanted = slug if variant is None else f"{slug}/{variant}"
    found = []
    for path in sorted((ROOT / "docs" / "trainers" / slug).glob("*.md")):
        for fence in pages.read_page(path, ROOT).fences_in("trl"):
            if fence.attributes.get("record") == wanted and fence.body.strip():
                symbol = fence.body.split("\n")[0].strip()
                try:
                    library.pinned(ROOT).find(symbol)
                except library.LibraryError as error:
                    raise LookupError(f"{fence.path}:{fence.line}: {error}") from None
                found.append(symbol)
    return found


def in_fork(run: trial.Trial) -> dict:
    """What `run` returns, from a child of this process. Raises RuntimeError when the child fails."""
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        child = multiprocessing.get_context("fork").Process(target=run.write, args=(Path(folder),))
        child.start()
        child.join()
        answer = Path(folder) / "result.json"
        if child.exitcode != 0 or not answer.exists():
            raise RuntimeError(
                f"the run failed (exit {child.exitcode}); its message is above, and no record was written"
            )
        return json.loads(answer.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
