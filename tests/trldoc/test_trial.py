"""Contract of the numbers that `trldoc.trial` derives from a log."""

import io

from trldoc.trial import Tee, seconds_per_step


def test_a_step_is_timed_without_the_evaluations_inside_training():
    history = [
        {"eval_runtime": 4.0, "step": 0},
        {"loss": 0.7, "step": 1},
        {"eval_runtime": 6.0, "step": 5},
        {"train_runtime": 20.0, "step": 5},
        {"eval_runtime": 100.0, "step": 5},  # after training
    ]
    assert seconds_per_step(history) == 2.0
    assert seconds_per_step(history[:3]) == 0.0
    assert seconds_per_step([]) == 0.0


def test_what_is_printed_is_kept_and_shown():
    screen = io.StringIO()
    kept = Tee(screen)
    print("loss", 0.7, file=kept)
    assert kept.getvalue() == screen.getvalue() == "loss 0.7\n"
