"""What another candidate would have cost."""

import pytest
import torch

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.search.explanation import explain
from supernet.search.selection import Trials

SPACE = space_of(load_space("small"))
CHOSEN = {slot: names[0] for slot, names in SPACE.candidates().items()}


def test_every_slot_is_changed_by_itself():
    def mixed(mixture):
        """Later candidates are worse, in the read-out twice as much."""
        return (
            1.0
            - sum(float(p.argmax()) * (2 if slot == "readout" else 1) for slot, p in mixture.items()) / 100
        )

    trials = Trials(None, mixed, torch.Generator(), [], 1, 1)
    found = explain(SPACE, 0.7, CHOSEN, trials)
    assert (found.mixture, found.chosen) == (0.7, 1.0)
    assert found.swapped.keys() == SPACE.choices().keys()
    for slot, names in SPACE.choices().items():
        assert list(found.swapped[slot]) == list(names)
        assert found.swapped[slot][CHOSEN[slot]] == 1.0
    readout = SPACE.choices()["readout"]
    assert found.runner_up("readout", CHOSEN["readout"]) == (readout[1], pytest.approx(0.02))


def test_dropped_candidates_have_no_score():
    slot, names = next((slot, names) for slot, names in SPACE.choices().items() if len(names) > 2)
    trials = Trials(
        None, lambda mixture: 0.0, torch.Generator(), [], 1, 1, dropped={slot: frozenset([len(names) - 1])}
    )
    found = explain(SPACE, 0.7, CHOSEN, trials)
    assert list(found.swapped[slot]) == list(names[:-1])
