"""The bilevel loop: what a step changes, what it reads, and that it stops and goes on exactly."""

import copy
from dataclasses import replace

import pytest
import torch

from ops.mixture import NORMS, Mixture
from supernet.data.dataset import Pairs
from supernet.data.sampling import Batch
from supernet.search.record import Ranked
from supernet.search.relaxations import mix
from supernet.space import SearchSpace
from supernet.training.fit import fit
from supernet.training.losses import batch_loss

NONE = torch.zeros(0, dtype=torch.long)


def score(vectors, weights):
    return Ranked(float(vectors.user.sum()), 0.5)


def snapshot(parameters):
    return [p.detach().clone() for p in parameters]


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_two_steps_equal_a_hand_written_loop(tiny):
    """An alpha step, then a weight step, on batches of their own, twice; a missing zero_grad fails here."""
    settings = replace(tiny.settings, alpha_noise="none")
    search, hand = tiny.search(settings), tiny.search(settings)
    generators = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    orders = []
    for part, generator, size in zip(("train", "alpha"), generators, (12, 4), strict=True):
        order = torch.randperm(len(tiny.data.parts[part].users), generator=generator).split(size)
        orders.append([Batch(*(column[k] for column in tiny.data.parts[part]), NONE) for k in order])
    model, slots = hand.model, list(hand.model.alphas)
    alphas, weights = [model.alphas[slot] for slot in slots], model.weights()
    on_alphas = torch.optim.Adam(alphas, lr=0.1, betas=(0.5, 0.999))
    on_weights = torch.optim.Adam(weights, lr=0.05)
    for train, held_out in zip(*orders, strict=False):
        for batch, parameters, optimiser in ((held_out, alphas, on_alphas), (train, weights, on_weights)):
            p = mix(dict(zip(slots, alphas, strict=True)), "softmax", 1.0)
            loss = batch_loss(model, model(tiny.graph, p), batch, tiny.recipe, p)
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = gradient
            optimiser.step()
        search.alpha_step()
        search.weight_step()
        for name, parameter in search.model.named_parameters():
            torch.testing.assert_close(
                parameter, dict(model.named_parameters())[name], rtol=1e-4, atol=1e-5, msg=name
            )


def test_a_step_changes_its_own_kind_alone(tiny):
    search = tiny.search()
    for own, other, step in (
        (search.model.weights(), search.alphas, search.weight_step),
        (search.alphas, search.model.weights(), search.alpha_step),
    ):
        for _ in range(2):
            before, fixed = snapshot(own), snapshot(other)
            step()
            assert not any(torch.equal(a, b) for a, b in zip(own, before, strict=True) if a.numel() > 1)
            assert same(other, fixed)
            assert all(alpha.grad is None for alpha in search.alphas)


def test_a_path_that_reads_no_weight_moves_none(tiny):
    """Of messages alone where none arrives: a ninth of the paths through this space."""
    space = SearchSpace(1, ("none", "sum", "max"), ("light",), ("tanh", "identity"), ("last",))
    settings, recipe = replace(tiny.settings, cost="sampled"), replace(tiny.recipe, l2=0.0)
    search = tiny.search(settings, recipe, space)
    before = snapshot(search.weights)
    search.weight_step(search.model.one_hot(dict.fromkeys(search.model.alphas, 0)))
    assert same(before, snapshot(search.weights))
    search.run(score)
    assert not same(before, snapshot(search.weights))


def test_warm_up_leaves_the_alphas_at_zero(tiny):
    search = tiny.search(replace(tiny.settings, warmup=2))
    after = []
    search.run(score, on_epoch=lambda record: after.append(snapshot(search.alphas)))
    assert all(bool((alpha == 0).all()) for epoch in after[:2] for alpha in epoch)
    assert all(bool((alpha != 0).all()) for alpha in after[2])
    assert [record["alpha_loss"] for record in search.history[:2]] == [None, None]
    assert search.history[2]["alpha_loss"] > 0
    assert [record["temperature"] for record in search.history] == pytest.approx([1.0, 1.0, 1.0, 0.2])


def test_alpha_every_counts_weight_steps(tiny, monkeypatch):
    search, calls = tiny.search(replace(tiny.settings, alpha_every=2, warmup=0, epochs=1)), []
    monkeypatch.setattr(search, "alpha_step", lambda: calls.append(search.step))
    search.run(score)
    assert calls == list(range(0, len(search.train), 2))
    assert len(calls) >= 2


def test_every_alpha_and_every_weight_moves(tiny):
    search = tiny.search()
    before = snapshot(search.model.parameters())
    mixture = search.run(score)
    for (name, now), old in zip(search.model.named_parameters(), before, strict=True):
        assert not torch.equal(now, old), name
    assert set(mixture) == set(tiny.space.choices())
    for slot, p in mixture.items():
        assert p.sum().item() == pytest.approx(1.0, abs=1e-6)
        torch.testing.assert_close(p, (search.model.alphas[slot].detach() / 0.2).softmax(0))
        assert not p.requires_grad


def test_candidates_are_measured_at_the_start_of_every_epoch(tiny):
    search = tiny.search(replace(tiny.settings, epochs=2))
    scales = []

    def scale(*_):
        mixtures = [m for m in search.model.modules() if isinstance(m, Mixture) and m.scaled]
        scales.append(torch.cat([m.log_scale for m in mixtures if m.only is None]).clone())

    search.run(score, on_step=scale)
    steps = len(search.train)
    assert bool((scales[0] != 0).all())
    assert all(torch.equal(scales[0], s) for s in scales[:steps])
    assert not torch.equal(scales[0], scales[steps])


def keep(search, path):
    torch.save(search.state_dict(), path)


def finished(search, validate=score):
    """All that a search ends with, clocks left out."""
    mixture = search.run(validate)
    clocks = {"seconds", "seconds_per_step"}
    history = [{k: v for k, v in record.items() if k not in clocks} for record in search.history]
    return snapshot(search.model.parameters()), snapshot(search.model.buffers()), mixture, history


@pytest.mark.parametrize("changes", [{}, {"loss": "bpr", "negatives": 2, "dropout": 0.2}, {"negatives": 3}])
@pytest.mark.parametrize("stop", ["epoch 1", "epoch 3", "step 2 of epoch 1", "step 4 of epoch 3"])
def test_resuming_equals_never_stopping(tiny, tmp_path, stop, changes):
    recipe = replace(tiny.recipe, **changes)
    expected = finished(tiny.search(recipe=recipe))
    steps = len(tiny.search().train)
    assert steps == 5
    settings = replace(tiny.settings, checkpoint_every=2)
    first, kinds = tiny.search(settings, recipe), []

    def save():
        at = f"step {first.step} of epoch {first.epoch + 1}" if first.step else f"epoch {first.epoch}"
        kinds.append(at)
        if at == stop:
            keep(first, tmp_path / "state.pt")

    first.run(score, save=save)
    assert kinds[:3] == ["step 2 of epoch 1", "step 4 of epoch 1", "epoch 1"]
    second = tiny.search(settings, recipe, seed=5)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    parameters, buffers, mixture, history = finished(second)
    assert same(parameters, expected[0])
    assert same(buffers, expected[1])
    assert mixture.keys() == expected[2].keys()
    assert all(torch.equal(mixture[slot], p) for slot, p in expected[2].items())
    assert history == expected[3]


def test_a_finished_search_does_nothing_more(tiny, tmp_path):
    search = tiny.search()
    parameters, *_ = finished(search)
    keep(search, tmp_path / "state.pt")
    other = tiny.search(seed=5)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(finished(other)[0], parameters)


def test_watching_does_not_change_the_search(tiny):
    plain = finished(tiny.search())
    watched = tiny.search()
    watched.run(score, on_epoch=lambda r: None, on_step=lambda e, s: None, save=lambda: None)
    assert same(watched.model.parameters(), plain[0])


def test_without_a_snapshot_and_a_way_back_validation_is_for_watching_only(tiny):
    """Scores that rise, and scores that fall by far, lead to the same search."""
    settings, found = replace(tiny.settings, snapshot="none", alpha_drop=0.0), []
    for told in (range(1, 9), range(8, 0, -1)):
        scores = iter(told)
        found.append(finished(tiny.search(settings), lambda *_, s=scores: Ranked(float(next(s)))))
    one, two = found
    assert same(one[0], two[0])
    assert all(torch.equal(one[2][slot], p) for slot, p in two[2].items())
    assert [record["score"] for record in two[3]] == [8, 6, 4, 2]


def test_the_supervised_alpha_pairs_are_no_message_edges(tiny):
    """BiGNAS: what the alphas must predict was already in the graph."""
    search = tiny.search()
    edges = {
        (u, i)
        for link in search.graph.into("user")
        for u, i in zip(link.relation.row.tolist(), link.relation.index.tolist(), strict=True)
    }
    pairs = {
        part: set(zip(*map(torch.Tensor.tolist, tiny.data.parts[part]), strict=True))
        for part in tiny.data.parts
    }
    assert edges == pairs["train"]
    batches = search.objective.batches
    drawn = [batches.draw() for _ in range(len(batches))]
    supervised = {pair for batch in drawn for pair in zip(*map(torch.Tensor.tolist, batch), strict=True)}
    assert supervised == pairs["alpha"]
    assert not supervised & edges


@pytest.mark.parametrize("parts", [["valid"], ["test"], ["valid", "test"]])
def test_valid_and_test_are_never_read(tiny, parts):
    expected = finished(tiny.search())
    for part in parts:
        tiny.data.parts[part] = Pairs(torch.tensor([10**6]), torch.tensor([-1]))
    actual = finished(tiny.search())
    assert same(actual[0], expected[0])
    assert actual[3] == expected[3]


def test_weights_never_see_the_alpha_pairs(tiny):
    """Frozen alphas: other alpha pairs give the same weights."""
    settings = replace(tiny.settings, alpha_lr=0.0)
    expected = finished(tiny.search(settings))
    tiny.data.parts["alpha"] = Pairs(torch.tensor([0]), torch.tensor([1]))
    assert same(finished(tiny.search(settings))[0], expected[0])


def test_a_space_without_choices_is_searched_as_it_is_fitted(tiny):
    space = tiny.space.fixed({slot: names[0] for slot, names in tiny.space.candidates().items()})
    settings = replace(tiny.settings, average=0.0, snapshot="none")
    search, fitted = tiny.search(settings, space=space), tiny.search(space=space).model
    assert search.run(score) == {}
    seen = tiny.data.user_items(["train"])
    recipe = replace(tiny.recipe, epochs=tiny.settings.epochs)
    generator = torch.Generator().manual_seed(0)
    fit(fitted, tiny.graph, tiny.data.parts["train"], seen, recipe, generator)
    assert same(search.model.parameters(), fitted.parameters())


def test_a_loss_that_is_not_finite_is_named(tiny):
    search = tiny.search()
    search.model.weights()[0].data[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match="softmax loss became nan"):
        search.run(score)


def test_the_record_describes_the_epoch(tiny):
    search = tiny.search(replace(tiny.settings, alpha_noise="none"))
    mixture = search.run(score)
    last = search.history[-1]
    assert [record["epoch"] for record in search.history] == [1, 2, 3, 4]
    assert last["mixture"] == {slot: p.tolist() for slot, p in mixture.items()}
    assert set(last["gradient"]) == set(mixture)
    assert all(norm > 0 for norm in last["gradient"].values())
    assert 0 < last["entropy"] < 1
    state = copy.deepcopy(search.model.state_dict())
    search.model.load_state_dict(state)
    with torch.no_grad():
        assert last["score"] == float(search.model(tiny.graph, mixture).user.sum())


def test_the_last_epoch_trains_alphas_whatever_the_warm_up(tiny):
    search = tiny.search(replace(tiny.settings, epochs=1, warmup=2))
    search.run(score)
    assert any(bool(alpha.any()) for alpha in search.model.alphas.values())


@pytest.mark.parametrize("norm", NORMS)
def test_sizes_are_measured_however_candidates_are_evened(tiny, norm):
    search = tiny.search(replace(tiny.settings, epochs=1, norm=norm))
    search.run(score)
    (record,) = search.history
    kinds = {slot.rsplit("/", 1)[-1] for slot in record["size"]}
    assert kinds == {"aggregate", "convolve", "activation", "readout"}
    for slot, sizes in record["size"].items():
        mixture = search.model.mixtures()[slot][0]
        assert sizes == pytest.approx(mixture.log_scale.exp().tolist())
        assert all(size > 0 and size != 1.0 for size in sizes)
