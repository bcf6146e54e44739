"""Every method of search by one override: it ends with a genotype, and killed and resumed it ends with the
same."""

import json

import hydra
import pytest
import torch
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from supernet.config import conf_folder, load_train_config, register_schemas, typed
from supernet.pipeline import chosen, conclusion, judging, search, settled
from supernet.pipeline.folder import weights_file
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError, read_rows
from supernet.search import epoch_record
from supernet.search.costs import Costs
from supernet.space import Genotype
from supernet.space.judged import Evaluation, ShortTraining

from .conftest import data_of

METHODS = [
    ["search.select=perturbation"],
    ["search.select=greedy"],
    ["search.select=rescored"],
    ["search.select=sampled", "search.select_temperatures=[0.5,1.0]"],
    ["search=fair_darts", "search.select=argmax"],
    ["search.order=neumann", "search.select=argmax"],
    ["search.order=joint", "search.relaxation=sparsemax", "search.select=argmax"],
    ["search.order=finite_difference", "search.relaxation=top2", "search.select=argmax"],
    ["search.cost=sampled", "search.select=argmax"],
    ["search.cost=partial", "search.alpha_noise=none", "search.select=argmax"],
    ["search=contrastive"],
    ["search.eigenvalue_every=2", "search.select=argmax"],
    ["search.freeze=embeddings", "search.pretrain_epochs=2", "search.select=argmax"],
    ["search.pretune_temperatures=[0.5]", "search.pretune_lrs=[2]", "search.select=argmax"],
    ["search.cost_weight=1.0", "search.select=argmax"],
    ["search.alpha_temperature=learned", "search.shrink_at=[2]", "search.select=argmax"],
    [
        "search.idle=0.1",
        "search.beta=0.1",
        "search.alpha_noise=normal",
        "search.snapshot=design",
        "search.select=argmax",
    ],
    [
        "search.auxiliary_skip=0.5",
        "search.norm=output",
        "search.snapshot=none",
        "search.select=argmax",
        "search.average=0",
        "search.alpha_drop=0",
    ],
    ["search.strategy=random", "search.budget=8"],
    ["search.strategy=evolution", "search.budget=8"],
    ["search.strategy=tpe", "search.budget=8"],
    ["search.strategy=reinforce", "search.budget=8"],
    ["search=trained_random", "search.budget=5"],
    ["search=trained_tpe", "search.budget=5"],
    ["search=trained_evolution", "search.budget=5"],
    ["search=trained_reinforce", "search.budget=5"],
]


class Killed(BaseException):
    """In the place of a signal."""


def composed(clicks, small, folder, overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        few = [
            "search.epochs=3",
            "search.select_pool=3",
            "search.select_steps=3",
            "search.checkpoint_every=2",
        ]
        words = [*data_of(clicks), *small, *few, f"run={folder}", *overrides]
        return hydra.compose("train", overrides=words)


def run(clicks, small, folder, overrides):
    config = composed(clicks, small, folder, overrides)
    return search.run_search(typed(config), OmegaConf.to_yaml(config))


def killed(monkeypatch, place, name, after):
    """Let `name` of `place` do its work so many times, then end the process."""
    real, calls = getattr(place, name), []

    def spy(*arguments, **options):
        found = real(*arguments, **options)
        calls.append(1)
        if len(calls) == after:
            raise Killed
        return found

    monkeypatch.setattr(place, name, spy)


def same_costs(model):
    """A table that does not depend on the clock."""
    slots = model.space.choices()
    return Costs(
        {slot: [float(k) for k in range(len(names))] for slot, names in slots.items()},
        {slot: [0] * len(names) for slot, names in slots.items()},
    )


def result(folder):
    genotype = Genotype.load(folder / "genotype.json")
    return genotype.choices, genotype.runners_up, genotype.mixture


def ends_alike(monkeypatch, place, clicks, small, tmp_path, overrides):
    """A search that is killed at a place and resumed chooses as one that was not; its folder."""
    expected, folder = result(run(clicks, small, tmp_path / "whole", overrides)), tmp_path / "killed"
    with monkeypatch.context() as patch:
        killed(patch, *place)
        with pytest.raises(Killed):
            run(clicks, small, folder, overrides)
    assert not (folder / "genotype.json").exists()
    search.run_search(load_train_config(folder), "", folder)
    assert result(folder) == expected
    return folder


@pytest.mark.parametrize("overrides", METHODS, ids=lambda words: " ".join(words).replace("search.", ""))
def test_killed_and_resumed_it_ends_as_if_it_had_not_been(clicks, small, tmp_path, monkeypatch, overrides):
    monkeypatch.setattr(search, "measure_costs", lambda model, graph: same_costs(model))
    trained = any("trained" in word for word in overrides)
    exploring = trained or any("strategy" in word for word in overrides)
    place = (chosen, "show_evaluation", 3) if exploring else (search, "save_checkpoint", 3)
    folder = ends_alike(monkeypatch, place, clicks, small, tmp_path, overrides)
    page = json.loads((folder / "search.json").read_text())
    assert (page["explanation"] is None) == trained
    assert len(page["epochs"]) == (0 if trained else 3)
    if exploring:
        events = EventAccumulator(str(folder / "tensorboard"))
        events.Reload()
        rows = read_rows(folder / "evaluations.jsonl", Evaluation, "")
        shown = events.Scalars("explore/score")
        assert [event.step for event in shown] == list(range(1, len(rows) + 1))
        assert [event.value for event in shown] == pytest.approx([row.score for row in rows])


def test_a_search_that_stops_and_goes_back_does_so_killed_and_resumed(clicks, small, tmp_path, monkeypatch):
    """Its eigenvalue rises after epoch 2; the kill is between the looks that are compared."""
    values = [1.0, 1.0, 2.0, 2.0, 9.0]
    monkeypatch.setattr(epoch_record, "alpha_eigenvalue", lambda of: values[of.epoch])
    brief = ["space.layers=1", "search.select=argmax", "search.explain=false", "search.settle=0"]
    rises = ["search.epochs=5", "search.warmup=0", "search.alpha_drop=0", "search.eigenvalue_stop=0.75"]
    place = (search, "save_checkpoint", 8)
    folder = ends_alike(monkeypatch, place, clicks, small, tmp_path, [*brief, *rises])
    page, whole = (json.loads((f / "search.json").read_text()) for f in (folder, tmp_path / "whole"))
    for told in (page, whole):
        assert told["stopped"]
        assert [epoch["eigenvalue"] for epoch in told["epochs"]] == values[:4]
        assert told["taken"] == 2
    assert page["epochs"][1]["mixture"] == whole["epochs"][1]["mixture"]
    log = (folder / "train.log").read_text()
    assert "going on at epoch 3, step 4" in log
    assert log.count("the dominant eigenvalue rose") == 1


@pytest.mark.parametrize(
    "place", [(search, "save_checkpoint", 3), (judging, "train_model", 2)], ids=["supernet", "halving"]
)
def test_a_strategy_goes_on_wherever_it_was_killed(clicks, small, tmp_path, monkeypatch, place):
    overrides = ["search.strategy=random", "search.budget=8"]
    ends_alike(monkeypatch, place, clicks, small, tmp_path, overrides)


@pytest.mark.parametrize(
    "place", [(settled, "settle", 1), (conclusion, "search_report", 1)], ids=["before it is kept", "after"]
)
def test_a_search_settles_once_wherever_it_was_killed(clicks, small, tmp_path, monkeypatch, place):
    # the leave-one-out scores are of the weights of before, also where those of after are there already
    folder, whole = ends_alike(monkeypatch, place, clicks, small, tmp_path, []), tmp_path / "whole"
    ours, theirs = (json.loads((f / "search.json").read_text()) for f in (folder, whole))
    assert ours["explanation"] == theirs["explanation"]
    for name in ("mixture", "scores"):
        assert ours["settled"][name] == theirs["settled"][name]
    assert ours["settled"]["mixture"] == ours["epochs"][ours["taken"] - 1]["score"]
    assert ours["settled"]["scores"][0] == ours["explanation"]["chosen"]
    first, second = (torch.load(f / "settled.pt", weights_only=True)["model"] for f in (folder, whole))
    assert all(torch.equal(first[name], value) for name, value in second.items())
    own = Genotype.load(folder / "genotype.json").metrics
    assert own["settled/ndcg@20"] == max(ours["settled"]["scores"])
    assert "settling: valid ndcg@20" in (folder / "train.log").read_text()


@pytest.mark.parametrize("words", [["search.settle=0"], ["search.strategy=random", "search.budget=3"]])
def test_a_search_that_is_not_to_settle_leaves_the_weights_that_it_took(clicks, small, tmp_path, words):
    folder = run(clicks, small, tmp_path / "run", [*words, "search.average=0.5", "search.epochs=3"])
    left = torch.load(weights_file(folder), weights_only=True)
    assert weights_file(folder) == folder / "settled.pt"
    assert left["design"] is None
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    peak = checkpoint["peak"]
    taken = peak["weights"] if "search.settle=0" in words else checkpoint["average"]
    for weight in taken:
        assert any(torch.equal(weight, value) for value in left["model"].values())
    last = checkpoint["model"]["features.user.ids.weight"]
    assert not torch.equal(left["model"]["features.user.ids.weight"], last), "an average, not a last batch's"
    assert json.loads((folder / "search.json").read_text())["settled"] is None
    assert "settled/ndcg@20" not in Genotype.load(folder / "genotype.json").metrics


def test_what_a_search_settled_into_is_read_or_refused(clicks, small, tmp_path, monkeypatch):
    folder = run(clicks, small, tmp_path / "run", [])
    (folder / "settled.pt").write_bytes(b"nothing of use")
    with pytest.raises(InputError, match=r"settled\.pt: cannot be read"):
        search.run_search(load_train_config(folder), "", folder)


SLOW_FRONTS = (
    ["search.parameter_weight=0.5", "search.select=argmax"],
    ["search.parameter_weight=0.5", "search.strategy=random", "search.budget=4"],
)


@pytest.mark.parametrize(
    "overrides",
    [["search.cost_weight=0.5"], *(pytest.param(words, marks=pytest.mark.slow) for words in SLOW_FRONTS)],
    ids=lambda words: words[-1],
)
def test_a_search_that_weighs_costs_draws_their_front(clicks, small, tmp_path, overrides):
    folder = run(clicks, small, tmp_path / "run", overrides)
    assert json.loads((folder / "costs.json").read_text()).keys() == {"milliseconds", "parameters"}
    assert (folder / "pareto.png").stat().st_size > 0
    log = (folder / "train.log").read_text()
    assert "no pareto.png" not in log
    assert (
        ("less a cost of" in log)
        == ("selection: by scores less" in log)
        == ("select=argmax" not in overrides[-1])
    )


@pytest.mark.slow
def test_short_trainings_are_ranked_by_score_less_cost(clicks, small, tmp_path, monkeypatch):
    """With a weight that no score outweighs, the cheapest design of the last round is chosen."""

    def costs(model):
        slots = model.space.choices()
        sizes = {slot: list(range(len(names))) for slot, names in slots.items()}
        return Costs({slot: [1.0] * len(names) for slot, names in slots.items()}, sizes)

    monkeypatch.setattr(search, "measure_costs", lambda model, graph: costs(model))
    folder = run(clicks, small, tmp_path / "run", ["search.parameter_weight=100"])
    rows = read_rows(folder / "selection.jsonl", ShortTraining, "a training")
    config = load_train_config(folder)
    slots = space_of(config.space).choices()
    most = sum(len(names) - 1 for names in slots.values())
    for row in rows:
        size = sum(names.index(row.choices[slot]) for slot, names in slots.items())
        assert row.cost == pytest.approx(100 * size / most)
    last = [row for row in rows if row.steps == max(row.steps for row in rows)]
    chosen = Genotype.load(folder / "genotype.json").choices
    (own,) = [row for row in last if row.choices == chosen]
    assert own.cost == min(row.cost for row in last) < max(row.cost for row in last)


def test_a_strategy_leaves_its_anytime_curve(clicks, small, tmp_path):
    folder = run(clicks, small, tmp_path / "run", ["search.strategy=evolution", "search.budget=6"])
    rows = [
        Evaluation(**json.loads(line)) for line in (folder / "evaluations.jsonl").read_text().splitlines()
    ]
    assert len(rows) == 6
    assert (folder / "anytime.png").stat().st_size > 0
    assert not (folder / "mixture.png").exists(), "no alphas were trained"
    assert not (folder / "pareto.png").exists()
    genotype = Genotype.load(folder / "genotype.json")
    assert genotype.metrics["evaluations"] == 6
    assert genotype.metrics["valid/ndcg@20"] == rows[-1].best == max(row.score for row in rows)


@pytest.mark.parametrize("overrides", [["search.strategy=random"], ["search=trained_random"]])
def test_a_strategy_judges_the_designs_with_names_too(clicks, small, tmp_path, overrides):
    """As the other searches do; nobody should be given a design that is worse than LightGCN."""
    folder = run(clicks, small, tmp_path / "run", [*overrides, "search.budget=3"])
    rows = read_rows(folder / "selection.jsonl", ShortTraining, "a training")
    opened = [[row.choices[f"layer{k}/item/{kind}"] for k in (1, 2)] for row in rows
              for kind in ("convolve", "activation")]  # fmt: skip
    lightgcn = ["light"] * 2, ["identity"] * 2
    assert lightgcn in list(zip(opened[::2], opened[1::2], strict=True))


def test_frozen_embeddings_are_those_of_another_search_on_the_same_parts(clicks, small, tmp_path):
    first = run(clicks, small, tmp_path / "one", ["search.select=argmax"])
    state = torch.load(weights_file(first), weights_only=True)["model"]
    frozen = ["search.freeze=embeddings", f"search.embeddings={first}", "search.select=argmax"]
    second = run(clicks, small, tmp_path / "two", frozen)
    for name in ("checkpoint.pt", "settled.pt"):
        after = torch.load(second / name, weights_only=True)["model"]
        for side in ("user", "item"):
            key = f"features.{side}.ids.weight"
            assert torch.equal(after[key], state[key])
    with pytest.raises(InputError, match="seed is 0 there, and 1 here"):
        run(clicks, small, tmp_path / "three", [*frozen, "seed=1"])
    with pytest.raises(InputError, match=r"features\.user\.ids\.weight is \(60, 8\), and this run needs"):
        run(clicks, small, tmp_path / "four", [*frozen, "model.dim=4"])
    (first / "derived.pt").touch()
    with pytest.raises(InputError, match=r"derived\.pt: no such folder"):
        run(clicks, small, tmp_path / "five", [*frozen, f"search.embeddings={first / 'derived.pt'}"])
