"""Results are kept by content: what is still true stays, what is not goes, and a second run changes nothing."""

import json
from dataclasses import replace

import pytest

from trldoc import results
from trldoc.results import Entry, merged, status

OLD = Entry(True, 1.0, "2026-01-01", "cpu", "stand-in", {"trl": "1.16.0", "torch": "2.13.0"})
NEW = replace(OLD, seconds=2.0, date="2026-02-02")


@pytest.mark.parametrize(
    ("key", "versions", "expected"),
    [
        ("a", {"trl": "1.16.0"}, "verified"),
        ("a", {"trl": "1.17.0"}, "outdated"),
        ("a", {"trl": "1.16.0", "torch": "2.14.0"}, "outdated"),
        ("b", {"trl": "1.16.0"}, "missing"),
    ],
)
def test_status(key, versions, expected):
    assert status(key, {"a": OLD}, versions) == expected


def test_an_entry_that_is_not_ok_verifies_nothing():
    assert status("a", {"a": replace(OLD, ok=False)}, {}) == "missing"


def test_an_unchanged_block_keeps_its_entry():
    assert merged({"a": OLD}, {"a": NEW}, [], ["a"]) == {"a": OLD}


def test_other_versions_replace_it():
    newer = replace(NEW, versions={"trl": "1.17.0"})
    assert merged({"a": OLD}, {"a": newer}, [], ["a"]) == {"a": newer}


def test_real_weights_outweigh_stand_ins_and_not_the_other_way_round():
    real = replace(NEW, weights="real", device="H100")
    assert merged({"a": OLD}, {"a": real}, [], ["a"]) == {"a": real}
    assert merged({"a": real}, {"a": OLD}, [], ["a"]) == {"a": real}
    assert merged({"a": real}, {"a": replace(real, date="2026-03-03")}, [], ["a"])["a"].date == "2026-02-02"


def test_a_failed_block_and_one_that_left_the_page_lose_their_entries():
    assert merged({"failed": OLD, "gone": OLD, "not run": OLD}, {}, ["failed"], ["failed", "not run"]) == {
        "not run": OLD
    }


def test_what_is_saved_is_loaded_and_not_written_twice(tmp_path):
    page, entries = "docs/trainers/dpo/index.md", {"b": NEW, "a": OLD}
    assert results.load(page, tmp_path) == {}
    assert results.save(page, tmp_path, entries)
    path = tmp_path / "examples" / "records" / "blocks" / "docs-trainers-dpo-index.json"
    before = path.stat().st_mtime_ns
    assert results.load(page, tmp_path) == entries
    assert list(json.loads(path.read_text())) == ["a", "b"]
    assert not results.save(page, tmp_path, entries) and path.stat().st_mtime_ns == before
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no draft is left"


def test_a_page_without_entries_has_no_file(tmp_path):
    results.save("docs/a.md", tmp_path, {"a": OLD})
    assert results.save("docs/a.md", tmp_path, {})
    assert not results.results_path("docs/a.md", tmp_path).exists()
    assert not results.save("docs/a.md", tmp_path, {})


@pytest.mark.parametrize("text", ["{", '{"a": {"other": 1}}', "[]"])
def test_a_file_that_holds_something_else(tmp_path, text):
    results.save("docs/a.md", tmp_path, {"a": OLD})
    results.results_path("docs/a.md", tmp_path).write_text(text)
    with pytest.raises(ValueError, match=r"docs-a.json holds no results of blocks .*; remove it and run `make test`"):
        results.load("docs/a.md", tmp_path)


def test_a_write_that_fails_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "a.md"
    path.write_text("old")
    monkeypatch.setattr(results.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        results.replace(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
