"""A release of TRL small enough to read: what the tests of the library's modules look things up in."""

from trldoc.library import Library

TRAINER = '''\
from .toy_config import ToyConfig


class ToyTrainer:
    """Trains a toy."""

    _name = "Toy"
    _paper = {"title": "Toys", "id": "1234.56789", "citation": dedent("x")}

    def _compute_loss(self, model, inputs):
        scores = model(inputs)
        margin = scores[0] - scores[1]
        if self.beta > 1:
            raise ValueError(f"`beta` must be at most 1, got {self.beta}. "
                             "Lower it.")
        loss = -margin
        if self.scaled:
            loss = loss * self.beta
        self._metrics[mode]["rewards/margins"].append(margin)
        self._metrics[mode][f"rewards/{name}"].append(scores)
        warnings.warn("`scaled` is going away", FutureWarning)
        return loss

    def log(self):
        def inner():
            return 1

        text = """a string
        that goes on"""
        return inner()
'''
CONFIG = '''\
from dataclasses import dataclass, field

from .base_config import BaseConfig


@dataclass
class ToyConfig(BaseConfig):
    beta: float = field(default=1e-6, metadata={"help": "How " "much."})
    losses: list[str] = field(default_factory=lambda: ["sigmoid"])
    extra: dict = field(default_factory=dict)
    name: str = "toy"
    steps: int = 20
'''
BASE = '''\
@dataclass
class BaseConfig(TrainingArguments):
    steps: int = 10
    logging: float | None = field(default=None)
'''
LIBRARY = Library(
    "9.9.9",
    {
        "trl/trainer/toy_trainer.py": TRAINER,
        "trl/trainer/toy_config.py": CONFIG,
        "trl/trainer/base_config.py": BASE,
        "trl/experimental/copy/toy_trainer.py": "class ToyTrainer:\n    pass\n\n\ndef helper():\n    pass\n",
        "trl/other.py": "def helper():\n    pass\n",
        "trl/more.py": "def helper():\n    pass\n",
    },
)
