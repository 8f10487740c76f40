"""The commands say what they did, repair nothing silently, and leave no half-written file."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load(name: str):
    """A script of `scripts/` as a module."""
    spec = importlib.util.spec_from_file_location(f"verb_{name}", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_relock_tells_new_from_moved_from_changed():
    relock = load("relock")
    from trldoc.anchors import Locked

    entry = Locked("1.0", "S.f", "a", "b", "1-2", "x")
    assert relock.compare(None, entry) == "new"
    assert relock.compare(entry, entry) == "unchanged"
    assert relock.compare(entry, Locked("1.1", "S.f", "a", "b", "3-4", "x")) == "moved"
    assert relock.compare(entry, Locked("1.1", "S.f", "a", "b", "1-2", "y")) == "changed"


def test_setup_without_a_network_says_so_and_keeps_nothing(tmp_path, monkeypatch):
    setup = load("setup")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SystemExit, match=r"cannot fetch trl 0\.0\.1: .*\nCheck the network, then run `make setup` again\."):
        setup.fetch_wheel("trl", "0.0.1", "sha256:x")
    assert list((tmp_path / ".cache" / "wheels").iterdir()) == []


def test_setup_refuses_a_wheel_with_another_hash(tmp_path, monkeypatch):
    setup = load("setup")
    monkeypatch.setattr(setup, "ROOT", tmp_path)

    def download(command, **options):
        (Path(command[command.index("--dest") + 1]) / "trl-0.0.1-py3-none-any.whl").write_bytes(b"other")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(setup.subprocess, "run", download)
    with pytest.raises(SystemExit, match=r"trl-0\.0\.1-py3-none-any\.whl has sha256:.* pyproject\.toml says sha256:x; it was not kept"):
        setup.fetch_wheel("trl", "0.0.1", "sha256:x")
    assert list((tmp_path / ".cache" / "wheels").iterdir()) == []


def test_the_lock_is_what_relock_would_write(tmp_path):
    """Every quote on every page resolves, and docs/source.lock is up to date."""
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); sys.path.insert(0, {str(ROOT)!r})
import importlib.util
spec = importlib.util.spec_from_file_location("relock", {str(ROOT / 'scripts' / 'relock.py')!r})
relock = importlib.util.module_from_spec(spec); spec.loader.exec_module(relock)
from trldoc import anchors
from pathlib import Path
write = anchors.write_lock
anchors.write_lock = lambda path, pages: write(Path({str(tmp_path / 'source.lock')!r}), pages)
sys.exit(relock.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "source.lock").read_text() == (ROOT / "docs" / "source.lock").read_text(), "run `make relock`"
