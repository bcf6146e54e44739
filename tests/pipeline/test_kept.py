"""Finished trainings of a killed derive.py are read back; the epochs of one seed may serve the others."""

import logging
from types import SimpleNamespace

import pytest
import torch

from supernet.config import load_space
from supernet.pipeline.contenders import Contender, Trained
from supernet.pipeline.derive import retrain
from supernet.pipeline.kept import Kept
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError
from supernet.training.recipe import Recipe


def outcome(epochs=3):
    return Trained(torch.arange(6).view(2, 3), epochs, 0.25, 1.5, model=object(), note="as it was")


def forbidden():
    raise AssertionError("it was trained again")


def test_an_outcome_is_made_once_under_the_same_conditions(tmp_path):
    Kept(tmp_path, "here").get("mf-0", 1, outcome)
    again = Kept(tmp_path, "here").get("mf-0", 1, forbidden)
    assert torch.equal(again.lists, outcome().lists)
    assert (again.epochs, again.valid, again.note, again.model) == (3, 0.25, "as it was", None)
    for kept, name, what in ((Kept(tmp_path, "there"), "mf-0", 1), (Kept(tmp_path, "here"), "mf-0", 2)):
        with pytest.raises(AssertionError, match="again"):
            kept.get(name, what, forbidden)


def test_a_damaged_outcome_says_what_to_remove(tmp_path):
    kept = Kept(tmp_path, "here")
    kept.get("mf-0", 1, outcome)
    (path,) = kept.folder.iterdir()
    path.write_bytes(b"half")
    with pytest.raises(InputError, match=f"{path.name}: not the outcome of a training: .*remove this file"):
        kept.get("mf-0", 1, forbidden)


def test_dropped_outcomes_leave_nothing(tmp_path):
    kept = Kept(tmp_path, "here")
    kept.get("mf-0", 1, outcome)
    kept.drop()
    assert not list(tmp_path.iterdir())
    kept.drop()


class Bench:
    """Trains nothing; what it was asked for."""

    def __init__(self, once):
        self.derive, self.asked = SimpleNamespace(seeds=[5, 6, 7], epochs_once=once, refit=True), []

    def retrain(self, contender, seed):
        self.asked.append((seed, contender.epochs))
        return outcome(contender.epochs or 10 + seed)


@pytest.mark.parametrize(
    ("once", "asked"), [(False, [(5, 0), (6, 0), (7, 0)]), (True, [(5, 0), (6, 15), (7, 15)])]
)
def test_epochs_once_are_those_of_the_first_seed(once, asked, tmp_path):
    bench = Bench(once)
    contender = Contender("mf", space_of(load_space("mf")), Recipe(), "")
    found = retrain(bench, [contender], Kept(tmp_path, once), logging.getLogger())
    assert bench.asked == asked
    assert len(found["mf"]) == 3
    retrain(bench, [contender], Kept(tmp_path, once), logging.getLogger())
    assert bench.asked == asked, "all three were read back"
