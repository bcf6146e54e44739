"""Finished trainings of a killed derive.py are read back; the epochs of one seed may serve the others."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from supernet.config import load_space
from supernet.pipeline.contenders import Contender, Trained
from supernet.pipeline.kept import Kept
from supernet.pipeline.retraining import closed_forms, retrain
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError
from supernet.training.recipe import Recipe
from supernet.training.tuning import Point, Tuned


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


def test_the_weights_lie_where_they_are_wanted_whichever_start_made_them(tmp_path):
    def made(value):
        return lambda: replace(outcome(), model=torch.nn.Linear(1, 1, bias=False).requires_grad_(value > 1))

    kept, place = Kept(tmp_path, "here"), tmp_path / "derived.pt"
    kept.get("derived-0", 1, made(1), place)
    first = torch.load(place, weights_only=True)
    kept.get("derived-0", 2, made(2), place)
    assert not torch.equal(torch.load(place, weights_only=True)["weight"], first["weight"])
    kept.get("derived-0", 1, forbidden, place)
    assert torch.equal(torch.load(place, weights_only=True)["weight"], first["weight"])


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

    def __init__(self, once, rules=None):
        self.rules, self.run = rules, SimpleNamespace(eval=SimpleNamespace(cold=False))
        self.derive, self.asked = (
            SimpleNamespace(seeds=[5, 6, 7], epochs_once=once, refit=True, once_below=0.9),
            [],
        )

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


@pytest.mark.parametrize("once", [False, True])
def test_epochs_that_tuning_chose_are_not_chosen_again(once, tmp_path):
    bench, tuned = Bench(once), Tuned(Point(Recipe()), 0.3, 1, 0, 1.0, 4)
    contender = Contender("mf", space_of(load_space("mf")), Recipe(), "", tuned)
    retrain(bench, [contender], Kept(tmp_path, once), logging.getLogger())
    assert bench.asked == [(seed, 4 if once else 0) for seed in (5, 6, 7)]


def test_what_is_far_behind_on_valid_is_trained_with_the_first_seed_alone(tmp_path):
    bench, space = Bench(False), space_of(load_space("mf"))
    tunings = {"derived": 0.3, "lightgcn": 0.5, "ngcf": 0.46, "gcn": 0.44}
    contenders = [
        Contender(name, space, Recipe(), name, Tuned(Point(Recipe()), score, 1, 0, 1.0, 4))
        for name, score in tunings.items()
    ]
    contenders += [Contender("gat", space, Recipe(), "untuned"), Contender("mf", space, Recipe(), "untuned")]
    valid = {"gat": 0.2, "mf": 0.49}
    bench.retrain = lambda contender, seed: replace(
        outcome(3), valid=valid.get(contender.name, 0.45), model=None
    )
    found = retrain(bench, contenders, Kept(tmp_path, 1), logging.getLogger())
    assert {name: len(trained) for name, trained in found.items()} == {
        "derived": 3, "lightgcn": 3, "ngcf": 3, "gcn": 1, "gat": 1, "mf": 3,
    }  # fmt: skip
    scores = {5: 0.46, 6: 0.2, 7: 0.46}
    bench.retrain = lambda contender, seed: replace(outcome(3), valid=scores[seed], model=None)
    found = retrain(bench, contenders[:2] + contenders[4:5], Kept(tmp_path, 3), logging.getLogger())
    assert len(found["gat"]) == 3, "a later seed is not asked"
    bench.derive.once_below = 0.0
    found = retrain(bench, contenders, Kept(tmp_path, 2), logging.getLogger())
    assert {len(trained) for trained in found.values()} == {3}


def test_other_rules_make_the_derived_model_anew_and_no_other(tmp_path):
    contenders = [Contender(name, space_of(load_space("mf")), Recipe(), "") for name in ("derived", "mf")]
    asked = []
    for digest in ("a", "a", "b", None):
        bench = Bench(False, None if digest is None else SimpleNamespace(digest=digest))
        bench.retrain = lambda contender, seed: (
            asked.append((digest, contender.name)) or replace(outcome(), model=None)  # noqa: B023
        )
        retrain(bench, contenders, Kept(tmp_path, "here"), logging.getLogger())
    assert asked == [(d, n) for d, n in (("a", "derived"), ("a", "mf"), ("b", "derived"), (None, "derived"))
                     for _ in range(3)]  # fmt: skip


def test_lists_under_rules_and_their_effects_are_read_back(tmp_path):
    made = replace(
        outcome(), ruled=torch.ones(2, 3).long(), effects={"lists": 2, "rules": [{"rule": "no x"}]}
    )
    Kept(tmp_path, "here").get("derived-0", 1, lambda: made)
    again = Kept(tmp_path, "here").get("derived-0", 1, forbidden)
    assert torch.equal(again.ruled, made.ruled)
    assert again.effects == made.effects


def test_a_closed_forms_outcome_is_of_the_seed_that_chose_its_settings(tmp_path):
    asked = []
    for seeds in ([0, 1], [0, 2], [5, 6]):
        derive = SimpleNamespace(baselines=["pop"], tuning="tpe", seeds=seeds, untuned=[])
        bench = SimpleNamespace(
            derive=derive,
            closed_form=lambda *_: asked.append(seeds[0]) or replace(outcome(), model=None),  # noqa: B023
        )
        closed_forms(bench, None, Kept(tmp_path, "here"), tmp_path / "journal", logging.getLogger())
    assert asked == [0, 5]


def test_no_model_stays_in_memory(tmp_path):
    made = replace(outcome(), model=torch.nn.Linear(2, 2))
    kept = Kept(tmp_path, "here")
    assert kept.get("mf-0", 1, lambda: made).model is None
    assert kept.get("derived-0", 1, lambda: made, tmp_path / "derived.pt").model is None
    assert (tmp_path / "derived.pt").is_file()
