"""Features that read text: each by its formula, mixed, projected; and what users have of it."""

from dataclasses import replace

import pytest
import torch

from ops.mixture import Choice, set_norm
from supernet.config import load_space
from supernet.data.dataset import Pairs
from supernet.data.graph import build_graph
from supernet.data.views import View, users_views
from supernet.features import FEATURES, PROJECTORS, FeatureMixture
from supernet.features.fusion import Projector
from supernet.model import Recommender
from supernet.pipeline.stages import space_of

N, D, WIDTH = 6, 4, 7
NAMES = ("id", "text:a", "sum:a", "gate:a", "concat:a")


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def view(projector="linear", seed=1):
    known = torch.tensor([1.0, 1, 0, 1, 1, 1])
    return View(draw(N, WIDTH, seed=seed) * known.unsqueeze(1), known, projector)


def made(names, **views):
    mixture = FeatureMixture(names, N, D, views or {"a": view()})
    generator = torch.Generator().manual_seed(3)
    for module in mixture.modules():
        if hasattr(module, "reset_parameters") and module is not mixture:
            module.reset_parameters(generator)
    with torch.no_grad():  # what starts as nothing shall count
        for parameter in mixture.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return mixture


def formulas(mixture, views):
    x, t = mixture.ids.weight, mixture.projectors["a"](views["a"].vectors, views["a"].known)
    both = torch.cat([x, t], dim=1)
    gate, joined = mixture.candidates["gate:a"], mixture.candidates["concat:a"]
    share = 1 / (1 + (-(both @ gate.weight + gate.bias)).exp())
    return {
        "id": x, "text:a": t, "sum:a": x + t, "gate:a": share * x + (1 - share) * t,
        "concat:a": both @ joined.weight,
    }  # fmt: skip


def test_every_feature_is_its_formula_alone_chosen_and_mixed():
    views = {"a": view()}
    mixture = made(NAMES)
    expected = formulas(mixture, views)
    assert {name.partition(":")[0] for name in expected} == set(FEATURES)
    for k, name in enumerate(NAMES):
        torch.testing.assert_close(mixture(Choice(k), views), expected[name])
        one = made((name,), **views)
        one.load_state_dict({k: v for k, v in mixture.state_dict().items() if k != "log_scale"}, strict=False)
        torch.testing.assert_close(one(None, views), expected[name])
    p = torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15])
    mixed = sum(p[k] * expected[name] for k, name in enumerate(NAMES))
    torch.testing.assert_close(mixture(p, views), mixed)


def test_a_slot_of_ids_needs_no_view_and_a_text_alone_no_ids():
    assert FeatureMixture(("id",), N, D).projectors.keys() == set()
    assert FeatureMixture(("text:a",), N, D, {"a": view()}).ids is None
    with pytest.raises(ValueError, match="reads the text view 'b'; the views of this run are: a"):
        FeatureMixture(("sum:b",), N, D, {"a": view()})


def test_views_have_projectors_of_their_own_and_share_them():
    views = {"a": view(), "b": view("mlp", seed=2)}
    mixture = FeatureMixture(("sum:a", "gate:a", "text:b"), N, D, views)
    assert set(mixture.projectors) == {"a", "b"}
    assert [tuple(w.shape) for w in mixture.projectors["b"].weights] == [(WIDTH, 2 * D), (2 * D, D)]


@pytest.mark.parametrize("kind", PROJECTORS)
@pytest.mark.parametrize("width", [2, WIDTH])
def test_a_row_without_text_is_projected_to_nothing(kind, width):
    projector = Projector(kind, width, D)
    for parameter in projector.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    known = torch.tensor([1.0, 0.0])
    text = draw(2, width) * known.unsqueeze(1)
    out = projector(text, known)
    assert out.shape == (2, D)
    assert bool((out[1] == 0).all())
    assert bool(out[0].any())
    if kind == "none":
        torch.testing.assert_close(out[0, : min(D, width)], text[0, :D])


def test_an_unknown_projector_is_refused():
    with pytest.raises(ValueError, match="projector must be one of none, linear, mlp, found 'deep'"):
        Projector("deep", 3, 3)


def test_a_user_has_the_mean_of_the_known_items():
    pairs = Pairs(torch.tensor([0, 0, 1, 3]), torch.tensor([0, 2, 2, 4]))
    item = View(draw(6, 3), torch.tensor([1.0, 1, 0, 1, 1, 1]), "mlp")
    found = users_views(pairs, 4, {"a": item})["a"]
    assert found.known.tolist() == [1, 0, 0, 1], "user 1 has one item, without text; user 2 none"
    torch.testing.assert_close(found.vectors[0], item.vectors[0])
    torch.testing.assert_close(found.vectors[3], item.vectors[4])
    assert not found.vectors[1:3].any()
    assert found.projector == "mlp"


@pytest.mark.parametrize("features", [("text:a",), ("gate:a",), NAMES])
def test_a_model_learns_through_its_text_and_keeps_it_as_it_is(features):
    pairs = Pairs(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 4]))
    graph = build_graph(pairs, 3, N, views={"a": view()})
    assert graph.views["user"]["a"].vectors.shape == (3, WIDTH)
    space = replace(space_of(load_space("lightgcn")), features=features)
    model = Recommender(space, graph.nodes, D, torch.Generator().manual_seed(0), graph.views)
    weights = {slot: torch.full((len(names),), 1 / len(names)) for slot, names in space.choices().items()}
    vectors = model(graph, weights)
    (vectors.user.square().sum() + vectors.item.square().sum()).backward()
    projector = model.features["item"].projectors["a"]
    assert bool(projector.weights[0].grad.any())
    assert not any(key.endswith("vectors") for key in model.state_dict()), "constants are not weights"
    if features == ("text:a",):
        assert not any("ids" in key for key in model.state_dict())
        assert bool((vectors.item[[0, 1, 3, 4, 5]] != 0).any(dim=1).all()), (
            "an item without pairs has a vector"
        )


@pytest.mark.parametrize("name", list(FEATURES))
def test_in_autocast_what_sparse_products_read_stays_as_wide_as_ids(name):
    generator = torch.Generator().manual_seed(0)
    feature = FEATURES[name](4) if name == "id" else FEATURES[f"{name}:own"](4)
    if hasattr(feature, "reset_parameters"):
        feature.reset_parameters(generator)
    ids, text = torch.randn(2, 3, 4, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        out = feature(ids, text)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, feature(ids, text), rtol=0.02, atol=0.02)


def test_a_norm_of_outputs_evens_ids_and_texts_of_other_sizes():
    views, mixture, p = {"a": view()}, made(("id", "text:a")), torch.tensor([0.3, 0.7])
    with torch.no_grad():
        mixture.ids.weight.mul_(1e3)
    set_norm(mixture, "output")
    ids, text = (mixture.candidates[key](*mixture._inputs(mixture.candidates[key], mixture.ids(), views))
                 for key in mixture.candidates)  # fmt: skip
    even = [(x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() for x in (ids, text)]
    torch.testing.assert_close(mixture(p, views), p[0] * even[0] + p[1] * even[1], rtol=1e-4, atol=1e-4)


def test_a_feature_has_the_weights_of_what_it_reads():
    mixture = made(NAMES)
    ids, text, gate = N * D, WIDTH * D + D, 2 * D * D + D
    sizes = {"id": ids, "text:a": text, "sum:a": ids + text, "gate:a": ids + text + gate}
    sizes["concat:a"] = ids + text + 2 * D * D
    assert {name: mixture.size_of(k) for k, name in enumerate(NAMES)} == sizes
