"""Contract of `trldoc.records`: a record survives a round trip, is written whole, and knows whether it still holds."""

from dataclasses import replace

import pytest

from trldoc import records
from trldoc.records import Function, Record, RecordError, Value, Variant

LOSS = Value("loss", "tensor", "f32", (), "0.6931")
FUNCTION = Function("trl.trainer.dpo_trainer", "DPOTrainer._compute_loss", {3: (LOSS,)}, (0, 3), calls=4, call=2)


@pytest.fixture
def record(tmp_path) -> Record:
    (tmp_path / "examples").mkdir()
    script = tmp_path / "examples" / "dpo.py"
    script.write_text("print('hello')\n")
    return Record(
        example="dpo",
        command="python examples/dpo.py",
        inputs=records.hashes([script], tmp_path),
        versions={"trl": "1.16.0", "python": "3.11.7"},
        device="CPU, 1 thread",
        weights="stand-in",
        date="2026-11-24",
        seconds=12.5,
        log_history=({"loss": 0.6931, "rewards/margins": 0.0, "step": 1},),
        summary={"final_loss": 0.25, "eval_after": {"rewards/margins": 1.5}, "peak_rss_gib": 0.4},
        functions=(FUNCTION,),
        variants={"lora": Variant("python examples/dpo.py --use_peft true", (replace(FUNCTION, calls=9),))},
    )


def test_round_trip(record, tmp_path):
    path = records.record_path("dpo", tmp_path)
    assert records.save(record, path)
    assert records.load(path) == record
    assert [file.name for file in path.parent.iterdir()] == ["dpo.json"]  # no temporary file stays


def test_a_missing_record_is_none(tmp_path):
    assert records.load(records.record_path("dpo", tmp_path)) is None


def test_a_broken_record_names_file_and_repair(tmp_path):
    path = records.record_path("dpo-real", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(RecordError, match=r"dpo-real\.json is not a record .*run `make record EX=dpo WEIGHTS=real`"):
        records.load(path)


def test_a_second_run_that_shows_the_same_changes_nothing(record, tmp_path):
    path = records.record_path("dpo", tmp_path)
    records.save(record, path)
    before = path.read_bytes()
    later = replace(record, date="2026-12-01", seconds=99.0, summary={**record.summary, "peak_rss_gib": 0.5})
    assert not records.save(later, path)
    assert path.read_bytes() == before
    assert records.save(replace(record, summary={"final_loss": 0.3}), path)


def test_a_failed_write_leaves_the_old_record(record, tmp_path):
    path = records.record_path("dpo", tmp_path)
    records.save(record, path)
    with pytest.raises(TypeError):
        records.save(replace(record, summary={"bad": object()}), path)
    assert records.load(path) == record
    assert [file.name for file in path.parent.iterdir()] == ["dpo.json"]


def test_status(record, tmp_path):
    script = tmp_path / "examples" / "dpo.py"
    assert records.status(None, tmp_path, "1.16.0").name == "missing"
    assert records.status(record, tmp_path, "1.16.0").name == "verified"
    outdated = records.status(record, tmp_path, "1.17.0")
    assert (outdated.name, outdated.why) == ("outdated", "ran with TRL 1.16.0 on 2026-11-24; the site pins 1.17.0")
    script.write_text("print('changed')\n")
    stale = records.status(record, tmp_path, "1.17.0")  # a changed example matters more than an older release
    assert (stale.name, stale.why) == ("stale", "examples/dpo.py changed since the run of 2026-11-24")
    script.unlink()
    assert records.status(record, tmp_path, "1.16.0").why == "examples/dpo.py is gone since the run of 2026-11-24"


def test_lookup_by_dotted_path(record):
    assert records.lookup(record, "summary.final_loss") == 0.25
    assert records.lookup(record, "summary.eval_after.rewards/margins") == 1.5
    assert records.lookup(record, "log_history.0.loss") == 0.6931
    dotted = replace(record, summary={"eval": {"loss": 1}, "eval.loss": 2})
    assert records.lookup(dotted, "summary.eval.loss") == 2  # the longest key that fits
    with pytest.raises(KeyError, match="summary has no `loss`; it has final_loss, eval_after, peak_rss_gib"):
        records.lookup(record, "summary.loss")


def test_a_function_is_found_by_name_module_and_variant(record):
    assert record.function("DPOTrainer._compute_loss") == FUNCTION
    assert record.function("trl.trainer.dpo_trainer:DPOTrainer._compute_loss") == FUNCTION
    assert record.function("trl.trainer.kto_trainer:DPOTrainer._compute_loss") is None
    assert record.function("DPOTrainer._compute_loss", "lora").calls == 9
    with pytest.raises(RecordError, match="record `dpo` has no variant `qlora`; it has lora"):
        record.function("DPOTrainer._compute_loss", "qlora")
