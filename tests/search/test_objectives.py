"""What the alphas learn from: held-out pairs with a fixed or learnt temperature, and views without labels."""

from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_dir

from supernet.config import conf_folder, register_schemas, typed
from supernet.data.dataset import Pairs
from supernet.search.objectives import COLDEST, HOTTEST, OBJECTIVES
from supernet.search.record import Ranked
from supernet.training.losses import SHARED, step_loss
from tests.search.test_loop import finished, keep, same, score


def made(tiny, name="held_out", recipe=None, **changes):
    search = tiny.search(replace(tiny.settings, objective=name, **changes), recipe or tiny.recipe)
    search.objective.draw()
    return search, search.objective


@pytest.mark.parametrize("loss", SHARED)
@pytest.mark.parametrize("score_slot", ["dot", "cosine", "mlp"])
def test_a_learnt_temperature_starts_as_the_recipes(tiny, loss, score_slot):
    recipe = replace(tiny.recipe, loss=loss, temperature=0.3, positive_temperature=0.25, negatives=3)
    space = replace(tiny.space, score=(score_slot,))
    settings = replace(tiny.settings, alpha_temperature="learned")
    search = tiny.search(settings, recipe, space)
    search.objective.draw()
    slots = search.mixture()
    fixed = step_loss(search.model, search.graph, search.objective.batch, recipe, slots)
    torch.testing.assert_close(search.objective(slots), fixed)
    assert search.objective.temperature == pytest.approx(0.3)


def test_its_gradient_is_that_of_the_loss_in_the_temperature(tiny):
    search, objective = made(tiny, alpha_temperature="learned", recipe=replace(tiny.recipe, temperature=0.4))
    search.model.double()
    objective.log_temperature = objective.log_temperature.detach().double().requires_grad_()
    slots = search.mixture()
    (found,) = torch.autograd.grad(objective(slots), objective.log_temperature)

    def at(temperature):
        recipe = replace(tiny.recipe, temperature=temperature)
        return float(step_loss(search.model, search.graph, objective.batch, recipe, slots).detach())

    step = 1e-5
    slope = (at(0.4 + step) - at(0.4 - step)) / (2 * step)
    assert float(found) == pytest.approx(0.4 * slope, rel=1e-4)  # d/d log T = T d/dT


def test_a_learnt_temperature_moves_stays_in_its_bounds_and_resumes(tiny, tmp_path):
    settings = replace(tiny.settings, alpha_temperature="learned", alpha_lr=1.0, alpha_noise="none")
    whole = tiny.search(settings)
    expected = finished(whole)
    far = tiny.search(replace(settings, alpha_lr=100.0, epochs=2))
    far.run(score)
    assert far.objective.temperature in (pytest.approx(COLDEST), pytest.approx(HOTTEST))
    assert whole.objective.temperature != pytest.approx(tiny.recipe.temperature)
    first = tiny.search(settings)

    def save():
        if first.epoch == 2:
            keep(first, tmp_path / "state.pt")

    first.run(score, save=save)
    second = tiny.search(settings, seed=5)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(finished(second)[0], expected[0])
    assert second.objective.temperature == whole.objective.temperature


def test_the_weights_keep_the_temperature_of_the_recipe(tiny):
    """With frozen alphas a learnt temperature changes nothing that is trained."""
    settings = replace(tiny.settings, alpha_lr=0.0)
    expected = finished(tiny.search(settings))
    learned = finished(tiny.search(replace(settings, alpha_temperature="learned")))
    assert same(learned[0], expected[0])


def test_contrastive_reads_no_held_out_pair(tiny):
    settings = replace(tiny.settings, objective="contrastive")
    expected = finished(tiny.search(settings))
    for part in ("alpha", "valid", "test"):
        tiny.data.parts[part] = Pairs(torch.tensor([10**6]), torch.tensor([-1]))
    assert same(finished(tiny.search(settings))[0], expected[0])


def test_the_contrastive_preset_ends_alike_whatever_valid_says(tiny):
    """search=contrastive promises to read no held-out pair: nothing may be kept or put back by a score."""
    register_schemas()
    with initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        preset = typed(compose("train", overrides=["data=ml-100k", "search=contrastive"])).search
    assert (preset.select, preset.settle) == ("argmax", 0)
    settings, found = replace(preset, epochs=4, warmup=1, alpha_batch_size=8), []
    for told in (range(1, 9), range(8, 0, -1)):
        scores = iter(told)
        found.append(finished(tiny.search(settings), lambda *_, s=scores: Ranked(float(next(s)))))
    assert same(found[0][0], found[1][0])
    assert all(torch.equal(found[0][2][slot], p) for slot, p in found[1][2].items())


def test_contrastive_is_alignment_and_uniformity_of_two_views(tiny):
    search, objective = made(tiny, "contrastive", recipe=replace(tiny.recipe, uniformity=0.7))
    slots = search.mixture()
    state = search.alpha_generator.get_state()
    found = objective(slots)
    search.alpha_generator.set_state(state)
    graphs = [search.graph.thinned(0.2, search.alpha_generator) for _ in range(2)]
    views = [search.model(graph, slots) for graph in graphs]
    expected = 0.0
    for side, (one, two) in zip(("user", "item"), zip(*views, strict=True), strict=True):
        a, b = (torch.nn.functional.normalize(x[objective.rows[side]], dim=1) for x in (one, two))
        spread = 0.0
        for z in (a, b):
            distances = torch.cdist(z, z).square()
            off = ~torch.eye(len(z), dtype=torch.bool)
            spread += (-2 * distances[off]).exp().mean().log()
        expected += (a - b).square().sum(dim=1).mean() + 0.35 * spread
    torch.testing.assert_close(found, torch.as_tensor(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_an_objective_goes_on_where_its_state_was_taken(tiny, name):
    search, objective = made(tiny, name)
    state, slots = objective.state_dict(), search.mixture()
    values = []
    for _ in range(2):
        objective.load_state_dict(state)
        objective.draw()
        values.append(float(objective(slots).detach()))
    assert values[0] == values[1]
    objective.draw()
    assert float(objective(slots).detach()) != values[0]
