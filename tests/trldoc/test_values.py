"""Contract of `trldoc.values`: what the printed text of a value looks like."""

import pytest
import torch

from trldoc.values import Value, describe, observe


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (3, "3"),
        (0.1, "0.1"),
        (-12.34567, "-12.35"),
        (-0.0, "0.0"),
        (1_796_000_123.4, "1.796e+09"),
        (1e-6, "1e-06"),
        (float("-inf"), "-inf"),
        ("sigmoid", "'sigmoid'"),
        ("x" * 60, "'" + "x" * 47 + "…'"),
        ("/home/somebody/cache/cache-1.arrow", "'…/cache-1.arrow'"),
        (torch.tensor([0.0, -0.0]), "f32[2] = [0.0, 0.0]"),
        (torch.tensor(0.693147), "f32[] = 0.6931"),
        (torch.zeros(4, 28, dtype=torch.long), "i64[4, 28] = [[0, 0, 0, 0, …], …]"),
        (torch.zeros(4, 28), "f32[4, 28]"),
        (torch.zeros(2, 3, 4, dtype=torch.bfloat16), "bf16[2, 3, 4]"),
        (torch.arange(9), "i64[9] = [0, 1, 2, 3, …]"),
        (torch.tensor([True, False]), "bool[2] = [True, False]"),
        (torch.ones(2, requires_grad=True), "f32[2] = [1.0, 1.0]"),
        ([], "list[0]"),
        ([5, 6, 7, 8, 9], "list[5] = [5, 6, 7, 8, …]"),
        ([[1, 2], [3], [4]], "list[3] = [[1, 2], …]"),
        ([torch.zeros(3), torch.zeros(2)], "list[2] = [f32[3], f32[2]]"),
        ((slice(0, 3),), "tuple[1] = (slice(0, 3, None),)"),
        ({"use_cache": False}, "dict[1] = {'use_cache': False}"),
        ({"input_ids": torch.zeros(2)}, "dict[1] = {'input_ids'}"),
        ({"b", "a"}, "{'a', 'b'}"),
        (set(), "set()"),
        (torch.device("cpu"), "cpu"),
        (torch.float32, "torch.float32"),
        (object(), "object"),
        (dict, "dict"),
        (torch.nn.Linear(1, 1), "Linear"),
    ],
)
def test_text(value, text):
    assert describe(value) == text


def test_a_data_set_shows_its_size_and_columns():
    class Dataset:
        column_names = ("prompt", "chosen")

        def __len__(self):
            return 16

    assert describe(Dataset()) == "Dataset[16] = prompt, chosen"


def test_a_recorded_value_prints_as_the_live_one_did():
    value = observe("loss", torch.tensor([1.0, 2.0]))
    assert value == Value("loss", "tensor", "f32", (2,), "[1.0, 2.0]")
    assert describe(value) == "f32[2] = [1.0, 2.0]"


def test_never_an_address():
    values = [object(), lambda: 0, torch.Generator(), [object()], {"a": object()}, iter(())]
    assert not any("0x" in describe(value) for value in values)
