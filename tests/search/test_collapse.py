"""The switches against collapse, each by what it does to a search."""

from dataclasses import replace

import pytest
import torch

from supernet.search import epoch_record
from supernet.search.record import Ranked
from tests.search.test_loop import finished, keep, same, score, snapshot


def ranking(scores):
    """A validation that ranks as it is told: the mixture of each epoch first, then its argmax."""
    told = iter(scores)
    return lambda vectors, weights: Ranked(next(told))


def test_a_snapshot_is_the_mixture_whose_derived_design_ranked_best(tiny):
    search, seen = tiny.search(replace(tiny.settings, snapshot="design", warmup=1)), []
    # epoch 1 is warm-up: its 9 does not count; of the others epoch 3 is the best
    told = ranking([0, 9, 0, 1, 0, 5, 0, 2])
    final = search.run(told, on_epoch=lambda record: seen.append(search.mixture()))
    assert [record["derived_score"] for record in search.history] == [9, 1, 5, 2]
    assert [record["gap"] for record in search.history] == [-9, -1, -5, -2]
    for slot, p in final.items():
        assert p.tolist() == search.history[2]["mixture"][slot]
        assert p.tolist() != search.history[3]["mixture"][slot]


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_snapshot_of_the_mixture_has_the_weights_of_its_epoch(tiny, average):
    settings = replace(tiny.settings, snapshot="mixture", average=average, warmup=1)
    told, seen = [9, 0, 1, 0, 5, 0, 2, 0], []
    search, ranks = tiny.search(settings), ranking(told)

    def rank(vectors, weights):
        seen.append(snapshot(search.weights))
        return ranks(vectors, weights)

    final = search.run(rank)
    assert search.outcome() == search.history[2]
    assert all(p.tolist() == search.outcome()["mixture"][slot] for slot, p in final.items())
    assert same(search.weights, seen[4]), "as that mixture was scored"
    assert not same(search.weights, seen[6])
    again = tiny.search(settings)
    again.load_state_dict(search.state_dict())
    assert all(torch.equal(p, final[slot]) for slot, p in again.run(rank).items())
    assert same(again.weights, search.weights)


def test_alphas_go_back_and_are_frozen_where_the_mixture_ranks_much_worse(tiny):
    """Epoch 4 is an eighth below 2, and 3 less: from there on alphas are those of 2, and weights go on."""
    settings = replace(tiny.settings, snapshot="none", alpha_drop=0.1, epochs=6, warmup=0)
    told, seen = [5, 0, 8, 0, 7.5, 0, 7, 0, 1, 0, 2, 0], []
    search = tiny.search(settings)

    def keep_both(_):
        seen.append((snapshot(search.alphas), snapshot(search.weights)))

    search.run(ranking(told), on_epoch=keep_both)
    alphas, weights = zip(*seen, strict=True)
    assert search.kept.frozen
    assert not same(alphas[1], alphas[2]), "a little worse is noise"
    for later in (3, 4, 5):
        assert same(alphas[later], alphas[1])
        assert not same(weights[later], weights[later - 1])
    free = tiny.search(replace(settings, alpha_drop=0.0))
    free.run(ranking(told))
    assert not free.kept.frozen
    assert not same(free.alphas, alphas[1])


def test_the_best_score_is_forgotten_where_candidates_are_dropped(tiny):
    settings = replace(tiny.settings, alpha_drop=0.1, epochs=4, warmup=0, shrink_at=[2])
    search = tiny.search(settings)
    search.run(ranking([9, 0, 8.5, 0, 1, 0, 2, 0]))
    assert not search.kept.frozen


def test_a_search_does_not_go_back_to_candidates_that_it_dropped(tiny):
    settings = replace(tiny.settings, snapshot="mixture", warmup=1, shrink_at=[3])
    search = tiny.search(settings)
    search.run(ranking([9, 0, 8, 0, 7, 0, 1, 0]))
    assert search.outcome() == search.history[3]


def told_eigenvalues(monkeypatch, values):
    """Looks find these eigenvalues, by epoch, killed and resumed too; None: there is no look."""
    monkeypatch.setattr(epoch_record, "alpha_eigenvalue", lambda search: values[search.epoch])


STOPPING = {"epochs": 7, "warmup": 0, "eigenvalue_every": 1, "eigenvalue_stop": 0.75, "alpha_drop": 0.0}


@pytest.mark.parametrize(
    ("values", "looks", "back"),
    [
        ([1.0, 1.2, -1.6, 2.4, 9.0, 9.0, 9.0], 4, 2),  # 1.1 / 2.0 < 0.75
        ([None, 1.0, 1.2, 1.2, 1.4, -2.0, 9.0], 6, 4),  # 1.1 / 1.3, then 1.2 / 1.7
        ([1.0, None, -1.2, None, 1.6, None, 2.4], 7, 3),  # every other epoch is looked at
        ([1.0, 1.4, 1.0, -1.4, 1.0, 1.4, 1.0], 7, None),  # 1 / 1.4 < 0.75, which is noise
        ([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6], 7, None),  # slowly
        ([9.0, 8.0, 2.0, 1.0, 1.0, 1.0, 1.0], 7, None),  # it falls
        ([1.0, 1.0, 9.0, None, None, None, None], 7, None),  # three looks are too few
    ],
    ids=str,
)
def test_the_search_stops_where_the_eigenvalue_rises_and_goes_back(tiny, monkeypatch, values, looks, back):
    told_eigenvalues(monkeypatch, values)
    search = tiny.search(replace(tiny.settings, **STOPPING, snapshot="none"))
    final = search.run(score)
    assert [record["eigenvalue"] for record in search.history] == values[:looks]
    assert search.kept.stopped == (back is not None)
    taken = search.history[-1 if back is None else back - 1]
    assert search.outcome() == taken
    assert all(p.tolist() == taken["mixture"][slot] for slot, p in final.items())


@pytest.mark.parametrize("killed", [1, 3, 4])
def test_a_search_that_stops_and_goes_back_does_so_killed_and_resumed(tiny, tmp_path, monkeypatch, killed):
    told_eigenvalues(monkeypatch, [1.0, 1.2, 1.2, 1.4, 2.0, 9.0, 9.0])
    settings = replace(tiny.settings, **STOPPING, checkpoint_every=2)
    whole, first, second = (tiny.search(settings, seed=seed) for seed in (0, 0, 5))
    expected = finished(whole)

    def save():
        if (first.epoch, first.step) == (killed, 2):
            keep(first, tmp_path / "state.pt")

    first.run(score, save=save)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    weights, _, mixture, history = finished(second)
    assert second.kept.stopped
    assert same(weights, expected[0])
    assert history == expected[3]
    assert len(history) == 5
    assert second.outcome()["epoch"] == 3
    assert all(torch.equal(p, expected[2][slot]) for slot, p in mixture.items())


def test_an_eigenvalue_of_more_candidates_is_not_compared_with(tiny, monkeypatch):
    told_eigenvalues(monkeypatch, [1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0])
    search = tiny.search(replace(tiny.settings, **STOPPING, shrink_at=[2]))
    search.run(score)
    assert not search.kept.stopped


def test_alphas_that_went_back_are_not_left_for_those_they_went_back_from(tiny, monkeypatch):
    """Epoch 2 ranks much worse than 1, so its alphas are given up; the eigenvalue rises after it."""
    told_eigenvalues(monkeypatch, [0.3, 0.3, 0.6, 0.6, 0.6])
    settings = replace(tiny.settings, **STOPPING | {"epochs": 5, "alpha_drop": 0.03})
    search = tiny.search(replace(settings, snapshot="mixture"))
    search.run(ranking([0.2, 0, 0.1, 0, 0.21, 0, 0.15, 0, 0.1, 0]))
    assert search.kept.frozen == 2
    assert not search.kept.stopped
    assert search.outcome() == search.history[2]


def test_an_epoch_is_kept_for_what_its_score_is_worth_less_its_cost(tiny, monkeypatch):
    """Alphas that give up a third of the score for what costs less are not put back."""
    settings = replace(tiny.settings, warmup=0, alpha_drop=0.1)
    told = [0.9, 0.1, 0.6, 0.2, 0.9, 0.3, 0.9, 0.1]
    for snapshot_of, best in (("mixture", 1), ("design", 1)):
        search = tiny.search(replace(settings, snapshot=snapshot_of))
        costs = iter([0.5, 0.0, 0.1, 0.0, 0.5, 0.6, 0.5, 0.0])  # of the mixture first, then of its argmax
        monkeypatch.setattr(search, "expected_cost", lambda _, costs=costs: next(costs))
        search.run(ranking(told))
        assert search.outcome() == search.history[best]
        assert [record["cost"] for record in search.history] == [0.5, 0.1, 0.5, 0.5]
        assert search.kept.frozen == 3, "0.9 less 0.5 is below 0.6 less 0.1 by more than a tenth of 0.6"


def test_a_snapshot_and_the_eigenvalue_stop_each_keep_their_own(tiny, monkeypatch):
    """The best of the design is epoch 1; the eigenvalue rises after 2, and the search goes back to it."""
    settings = replace(tiny.settings, **STOPPING | {"epochs": 4})
    told = [0, 9, 0, 5, 0, 7, 0, 1]
    for values, best, kept in (
        ([1, 1, 2, 2], "design", 1),
        ([1, 1, 1, 1], "design", 0),
        ([1, 1, 1, 1], "none", 3),
    ):
        told_eigenvalues(monkeypatch, values)
        search = tiny.search(replace(settings, snapshot=best))
        final = search.run(ranking(told))
        assert search.outcome() == search.history[kept]
        assert all(p.tolist() == search.outcome()["mixture"][slot] for slot, p in final.items())


def test_an_auxiliary_skip_is_gone_after_an_early_stop_and_after_a_resume(tiny, monkeypatch):
    told_eigenvalues(monkeypatch, [1.0, 1.0, 9.0, 9.0])
    settings = replace(tiny.settings, **STOPPING, auxiliary_skip=0.6)
    first, second = tiny.search(settings), tiny.search(settings, seed=5)
    first.run(score)
    second.load_state_dict(first.state_dict())
    second.run(score)
    assert first.kept.stopped
    assert first.model.auxiliary_skip == second.model.auxiliary_skip == 0.0
    assert second.outcome() == first.outcome()


@pytest.mark.parametrize("objective", ["held_out", "contrastive"])
def test_looking_at_the_eigenvalue_does_not_change_the_search(tiny, objective):
    settings = replace(tiny.settings, objective=objective, alpha_noise="gumbel")
    expected = finished(tiny.search(settings))
    search = tiny.search(replace(settings, eigenvalue_every=2))
    assert same(finished(search)[0], expected[0])
    looked = [record["eigenvalue"] for record in search.history]
    assert [value is not None for value in looked] == [False, True, False, True]
    assert all(value != 0.0 for value in looked if value is not None)


def test_an_auxiliary_skip_falls_to_nothing(tiny):
    search, shares = tiny.search(replace(tiny.settings, auxiliary_skip=0.6)), []
    search.run(score, on_step=lambda *_: shares.append(search.model.auxiliary_skip))
    steps = len(search.train)
    assert shares[::steps] == pytest.approx([0.6, 0.4, 0.2, 0.0])


def test_an_auxiliary_skip_adds_the_layers_input(tiny):
    space = replace(tiny.space, layers=1, aggregate=("none",), convolve=("light",), readout=("last",))
    space = replace(space, activation=("identity",))
    model = tiny.search(space=space).model
    model.auxiliary_skip = 0.25
    vectors = model(tiny.graph)
    for found, side in zip(vectors, ("user", "item"), strict=True):
        torch.testing.assert_close(found, 0.25 * model.features[side](None))


@pytest.mark.parametrize("name", ["idle", "beta", "zero_one"])
def test_a_regulariser_moves_the_alphas_and_not_the_weights_of_a_step(tiny, name):
    relaxation = "sigmoid" if name == "zero_one" else "softmax"
    space = replace(tiny.space, aggregate=("none", "sym", "max"), convolve=("light", "skip"))
    settings = replace(tiny.settings, relaxation=relaxation, warmup=0)
    with torch.no_grad():
        searches = [tiny.search(replace(settings, **change), space=space) for change in ({}, {name: 50.0})]
        for search in searches:
            for alpha in search.alphas:
                alpha.copy_(torch.linspace(0.3, 0, len(alpha)))
    for search in searches:
        search.alpha_step()
    assert not same(searches[0].alphas, searches[1].alphas)
    before = [snapshot(search.model.weights()) for search in searches]
    assert same(*before)
    if name == "idle":
        slot = "layer1/user/interactions/aggregate"
        held_down, free = (search.mixture()[slot][0] for search in reversed(searches))
        assert held_down < free


def test_frozen_embeddings_stay_and_all_else_moves(tiny):
    search = tiny.search(replace(tiny.settings, freeze="embeddings"))
    features = snapshot(search.model.features.parameters())
    others = snapshot(search.weights)
    search.run(score)
    assert same(search.model.features.parameters(), features)
    assert len(search.weights) > 0
    assert not any(torch.equal(a, b) for a, b in zip(search.weights, others, strict=True) if a.numel() > 1)
    assert all(bool((alpha != 0).all()) for alpha in search.alphas)


CHANGES = [
    {"alpha_noise": "uniform", "alpha_noise_scale": 0.3},
    {"snapshot": "design"},
    {"snapshot": "none", "average": 0.0},
    {"norm": "output"},
    {"norm": "none"},
    {"auxiliary_skip": 0.5, "idle": 1.0, "beta": 0.1},
    {"relaxation": "sigmoid", "zero_one": 1.0},
    {"relaxation": "top2", "temperature_schedule": "cosine"},
    {"objective": "contrastive"},
    {"eigenvalue_every": 1, "eigenvalue_stop": 0.99, "epochs": 6},
    {"freeze": "embeddings", "order": "finite_difference"},
    {"cost": "sampled", "relaxation": "sparsemax"},
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: "-".join(map(str, changes.values())))
def test_with_every_switch_kill_and_resume_equal_never_stopped(tiny, tmp_path, changes):
    settings = replace(tiny.settings, checkpoint_every=2, **changes)
    whole = tiny.search(settings)
    expected = finished(whole)
    first = tiny.search(settings)

    def save():
        if (first.epoch, first.step) == (2, 2):
            keep(first, tmp_path / "state.pt")

    first.run(score, save=save)
    second = tiny.search(settings, seed=5)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    actual = finished(second)
    assert same(actual[0], expected[0])
    assert {slot: p.tolist() for slot, p in second.run(score).items()} == {
        slot: p.tolist() for slot, p in whole.run(score).items()
    }


def test_mixture_and_design_are_scored_without_the_auxiliary_skip(tiny):
    """It falls to nothing: a mixture that is scored with it would look worse from epoch to epoch."""
    settings = replace(tiny.settings, epochs=1, warmup=0, auxiliary_skip=0.6)
    search, shares = tiny.search(settings), []

    def told(vectors, weights):
        shares.append(search.model.auxiliary_skip)
        return score(vectors, weights)

    search.run(told)
    assert shares == [0.0, 0.0]
    assert search.model.auxiliary_skip == 0.0
