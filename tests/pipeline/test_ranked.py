"""The lists of a model: by its score, with as much of an item's length as the recipe says."""

import logging
from types import SimpleNamespace

import hydra
import pytest
import torch

from ops.mixture import ScoreMixture
from supernet.config import conf_folder, load_space, register_schemas, typed
from supernet.data.dataset import UserItems
from supernet.evaluation.ranking import top_items
from supernet.model.recommender import Vectors
from supernet.pipeline import stages
from supernet.pipeline.bench import Bench
from supernet.pipeline.contenders import Contender
from supernet.pipeline.stages import scaled_items, score_of
from supernet.pipeline.tuned import tuned
from supernet.runtime import InputError

USERS, ITEMS = 5, 7
NOTHING = UserItems(torch.zeros(USERS + 1, dtype=torch.long), torch.zeros(0, dtype=torch.long))


@pytest.fixture
def vectors():
    """Items of lengths from 0.1 to 30."""
    draw = torch.Generator().manual_seed(0)
    items = torch.randn(ITEMS, 3, generator=draw) * torch.logspace(-1, 1.5, ITEMS).unsqueeze(1)
    return Vectors(torch.randn(USERS, 3, generator=draw), items)


def model(*names):
    return SimpleNamespace(score=ScoreMixture(names, 3))


def lists(vectors, item_norm, names=("dot",), weights=None):
    users = torch.arange(USERS)
    return top_items(score_of(model(*names), vectors, item_norm, weights), users, NOTHING, ITEMS)


def by_hand(vectors, item_norm):
    """Every user's items by u·i / |i|^(1 - κ), in a Python loop."""
    rows = []
    for user in vectors.user:
        scores = [float(user @ i) / float(i.norm()) ** (1 - item_norm) for i in vectors.item]
        rows.append(sorted(range(ITEMS), key=lambda j, s=scores: -s[j]))
    return torch.tensor(rows)


@pytest.mark.parametrize("item_norm", [0.0, 0.3, 0.75, 1.0])
def test_lists_are_by_the_dot_product_over_a_power_of_the_length(vectors, item_norm):
    assert torch.equal(lists(vectors, item_norm), by_hand(vectors, item_norm))


def test_no_length_at_all_is_the_cosine(vectors):
    assert torch.equal(lists(vectors, 0.0), lists(vectors, 1.0, ("cosine",)))
    assert not torch.equal(lists(vectors, 0.0), lists(vectors, 1.0))


def test_a_cosine_stays_a_cosine(vectors):
    assert torch.equal(lists(vectors, 0.4, ("cosine",)), lists(vectors, 1.0, ("cosine",)))


def test_a_mixture_of_scores_reads_the_scaled_items(vectors):
    weights = {"score": torch.tensor([1.0, 0.0])}
    assert torch.equal(lists(vectors, 0.5, ("dot", "cosine"), weights), lists(vectors, 0.5))


def test_the_whole_length_changes_no_bit(vectors):
    assert scaled_items(model("dot"), vectors.item, 1.0) is vectors.item


def test_a_zero_vector_stays_zero():
    scaled = scaled_items(model("dot"), torch.zeros(2, 3), 0.0)
    assert torch.equal(scaled, torch.zeros(2, 3))


def test_a_perceptron_has_no_norm_to_leave_out(vectors):
    with pytest.raises(
        InputError, match=r"item_norm=0\.5: the mlp score has no norm .*; set loss.item_norm=1"
    ):
        scaled_items(model("dot", "mlp"), vectors.item, 0.5)


def compose(name, *overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        return typed(hydra.compose(name, overrides=list(overrides)))


def bench_of(*overrides):
    few = ("data=planted", "training.epochs=1", "model.dim=4", "ops.backend=torch", *overrides)
    run, derive = compose("train", *few), compose("derive", "run=somewhere", "ops.backend=torch")
    return Bench(stages.load_data(run).without("test"), run, derive, torch.device("cpu"))


def test_validation_and_the_final_lists_rank_by_the_recipe(monkeypatch):
    """Once in the validation of the training, once for the lists of the refitted model."""
    seen = []
    monkeypatch.setattr(stages, "scaled_items", lambda model, items, norm: seen.append(norm) or items)
    bench = bench_of("loss.item_norm=0.4")
    recipe = stages.recipe_of(bench.run)
    bench.retrain(Contender("lightgcn", stages.space_of(load_space("lightgcn")), recipe, ""), 0)
    assert seen == [0.4, 0.4]


def test_a_norm_is_not_tuned_where_a_perceptron_may_score(tmp_path):
    bench = bench_of("space.score=[dot,mlp]")
    bench.derive.tuning.space = {"item_norm": {"low": 0.5, "high": 1.0}}
    space = stages.space_of(load_space("lightgcn"))
    with pytest.raises(InputError, match="item_norm: the run's space has the mlp score"):
        tuned(bench, "derived", space, tmp_path / "journal", 0, logging.getLogger("test"))
