"""What all tests share: the repository's root and the stand-in hub."""

from pathlib import Path

import pytest
from trldoc import hub

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def standin_hub() -> Path:
    return hub.build(ROOT / ".cache")
