"""Pages in, results out, through a real warm process: isolation, failures that say where, and limits."""

import os
import textwrap
from pathlib import Path

import pytest

from trldoc.limits import Limits, page_limits
from trldoc.pages import PageError, scan
from trldoc.releases import page_release, unpacked
from trldoc.runner import Runner

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runner(standin_hub):
    with Runner(ROOT, "1.16.0") as warm:
        yield warm


def run(runner, text: str, limits: Limits | None = None):
    return runner.run_page(scan(textwrap.dedent(text), "docs/a.md"), limits)


def printed(result) -> str:
    assert result.ok, result.error
    return "".join(part.text for part in result.printed)


TRAINING = """
```python
from datasets import load_dataset
from trl import DPOConfig, DPOTrainer

trainer = DPOTrainer(
    model="Qwen/Qwen3-0.6B",
    args=DPOConfig(logging_steps=1, report_to="wandb", push_to_hub=True),
    train_dataset=load_dataset("trl-lib/ultrafeedback_binarized", split="train"),
)
before = trainer.model.model.embed_tokens.weight.clone()
trainer.train()
print(trainer.args.max_steps, trainer.state.global_step, trainer.args.bf16, trainer.args.use_cpu)
print([round(log["loss"], 4) for log in trainer.state.log_history[:-1]])
print(bool((before != trainer.model.model.embed_tokens.weight).any()))
```
"""


@pytest.mark.skipif("CUDA_VISIBLE_DEVICES" in os.environ, reason="says what happens on a CPU")
def test_a_training_snippet_runs_unmodified_is_stopped_early_and_repeats(runner, standin_hub):
    def files():
        return {path for path in standin_hub.rglob("*")}

    before = files()
    first, second = (run(runner, TRAINING)[0] for _ in range(2))
    steps, losses, moved = printed(first).splitlines()
    assert steps == "-1 3 False True" and moved == "True" and losses.startswith("[0.6931, ")
    assert printed(second) == printed(first)
    assert files() == before, "what `map` caches stays with the child"


def test_the_front_matter_sets_the_limits(runner):
    (result,) = run(runner, "---\nrun: {max_steps: 1}\n---\n" + TRAINING)
    assert printed(result).startswith("-1 1 False True")


def test_limits_that_are_none():
    with pytest.raises(
        PageError, match=r"docs/a.md:1: front matter `run: .*steps.*` must be a mapping of max_steps, tokens"
    ):
        page_limits(scan("---\nrun: {steps: 1}\n---\n", "docs/a.md"))


def test_blocks_of_a_group_share_names_and_others_do_not(runner):
    page = """
        ```python group=a
        x = 1
        ```
        ```python
        print("x" in globals(), __name__)
        ```
        ```python group=a
        def show():
            print(x)
        ```
        ```python group=a
        show()
        ```
        """
    results = run(runner, page)
    assert [printed(result) for result in results] == ["", "False __main__\n", "", "1\n"]
    assert results[3].printed[0].line == 1, "a helper's output belongs to the line that called it"


def test_a_failure_names_its_line_ends_its_group_and_no_other(runner):
    page = """
        ```python group=a
        print("before")
        if True:
            raise KeyError("gone")
        ```
        ```python group=a
        print("never")
        ```
        ```python
        print("other")
        ```
        ```python group=b
        def broken(:
        ```
        """
    failed, later, other, syntax = run(runner, page)
    assert failed.error.startswith("docs/a.md:5: KeyError: 'gone'\n") and "child.py" not in failed.error
    assert later.error == "docs/a.md:7: not run, because docs/a.md:2 failed"
    assert printed(other) == "other\n"
    assert syntax.error.startswith("docs/a.md:14:") and "SyntaxError" in syntax.error


def test_a_block_that_does_not_end_is_named_and_the_rest_of_the_page_runs(runner):
    page = """
        ```python
        print(1)
        ```
        ```python group=slow
        import subprocess
        subprocess.run(["sleep", "60"])
        ```
        ```python group=slow
        1
        ```
        ```python
        print(2)
        ```
        """
    first, slow, later, last = run(runner, page, Limits(timeout=2))
    assert slow.error.startswith("docs/a.md:5: still running after 2 s, killed")
    assert later.error == "docs/a.md:9: not run, because docs/a.md:5 failed"
    assert (printed(first), printed(last)) == ("1\n", "2\n")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os.kill(os.getpid(), 11)", "docs/a.md:1: the process died of SIGSEGV"),
        ("import os; os._exit(3)", "docs/a.md:1: the process ended with status 3"),
        ("import sys; sys.exit('stop')", "docs/a.md:2: SystemExit: stop"),
    ],
)
def test_a_block_that_ends_its_process(runner, code, error):
    (result,) = run(runner, f"```python\n{code}\n```\n")
    assert result.error.startswith(error)


def test_pages_do_not_see_one_another(runner):
    page = """
        ```python
        import os, random, sys, tempfile
        import torch
        import trl

        print(os.environ.get("LEFT"), os.listdir("."), getattr(trl, "left", None))
        print(random.random(), torch.rand(2).tolist())
        os.environ["LEFT"] = trl.left = "here"
        open("left.txt", "w").write("x")
        tempfile.NamedTemporaryFile(delete=False)
        sys.stdout.write(os.getcwd() + tempfile.gettempdir())
        print(os.getcwd(), tempfile.gettempdir())
        ```
        """
    first, second = (printed(run(runner, page)[0]).splitlines() for _ in range(2))
    assert first[0] == second[0] == "None [] None"
    assert first[1] == second[1]
    for folder in (*first[2].split(), *second[2].split()):
        assert not Path(folder).exists()
    assert first[2] != second[2]


def test_our_own_environment_stays_outside(runner, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    with_ours = run(
        runner, "```python\nimport os\nprint(os.environ.get('WANDB_PROJECT'), os.environ['HF_HUB_OFFLINE'])\n```\n"
    )
    assert printed(with_ours[0]) == "None 1\n"


def test_only_prints_of_the_page_count(runner):
    page = """
        ```python
        import json.tool, pprint, sys
        print("to the other stream", file=sys.stderr)
        sys.stdout.write("written")
        pprint.pprint({})
        print({"b", "a"}, object())
        ```
        """
    assert printed(run(runner, page)[0]) == "{'a', 'b'} <object object at 0x0123456789ab>\n"


def test_a_skipped_block_is_not_run(runner):
    skipped, ran = run(runner, '```python test="skip: why"\n1 / 0\n```\n```python\nprint(1)\n```\n')
    assert skipped.ok and skipped.block.skip == "why" and printed(ran) == "1\n"


def test_the_outputs_of_a_page_are_compared(runner):
    wrong, right = run(runner, "```python\nprint(1)\n#> 2\n```\n```python\nprint(1)\n#> 1\n```\n")
    assert wrong.ok and wrong.mismatch.startswith("docs/a.md:3: the output differs\nexpected:\n#> 2\ngot:\n#> 1\n")
    assert right.mismatch is None


def test_a_script_runs_with_its_arguments(runner, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\nprint(sys.argv[1:], __name__, os.getcwd())\nopen('kept.txt', 'w').write('x')\n"
        "print('aside', file=sys.stderr)\nsys.exit(int(sys.argv[1]))\n"
    )
    ran = runner.run_file(script, ["3", "--flag"], cwd=tmp_path)
    assert (ran.code, ran.timed_out) == (3, False)
    assert ran.stdout == f"['3', '--flag'] __main__ {tmp_path}\n" and ran.stderr == "aside\n"
    assert (tmp_path / "kept.txt").exists()
    script.write_text("raise RuntimeError('no')")
    ran = runner.run_file(script)
    assert ran.code == 1 and "RuntimeError: no" in ran.stderr


def test_a_script_that_does_not_end(runner, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("while True: pass")
    ran = runner.run_file(script, limits=Limits(timeout=1))
    assert ran.timed_out and ran.code == -9


def test_a_page_of_an_archived_release_runs_against_it():
    page = scan("---\nrelease: 1.12.0\n---\n```python\nimport trl\nprint(trl.__version__)\n```\n", "docs/a.md")
    assert page_release(page, ROOT) == "1.12.0"
    with Runner(ROOT, page_release(page, ROOT)) as warm:
        assert printed(warm.run_page(page)[0]) == "1.12.0\n"


def test_an_archived_release_without_its_wheel(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.trldoc]\npinned = "1.16.0"\n[tool.trldoc.wheels]\n')
    with pytest.raises(FileNotFoundError, match=r"the wheel of trl 0.1.0 is missing; run `make setup`"):
        unpacked("0.1.0", tmp_path)
    assert not (tmp_path / ".cache" / "trl" / "0.1.0").exists()


def test_a_warm_process_that_cannot_start_says_why(monkeypatch, standin_hub):
    monkeypatch.setattr(Runner, "_environment", lambda self: {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "no"})
    with Runner(ROOT, "1.16.0") as warm, pytest.raises(RuntimeError, match="warm process .*(\n.*)*PYTHONHASHSEED"):
        run(warm, "```python\n1\n```\n")
