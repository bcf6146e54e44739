"""The supernet: one-hot it is the derived model; every alpha is read where it belongs, and learns."""

from dataclasses import replace

import pytest
import torch

from ops.mixture import calibrating
from ops.relation import Relation
from supernet.data.dataset import Pairs
from supernet.data.sampling import Batch
from supernet.model.layer import crowded
from supernet.model.perturb import Dropout
from supernet.search.relaxations import mix, partial, paths
from supernet.training.losses import step_loss
from supernet.training.recipe import Recipe


def derived_from(tools, supernet, graph, chosen):
    """The derived model with the supernet's weights, copied by name."""
    derived = tools.model_of(supernet.space.fixed(chosen), graph, seed=9)
    source = supernet.state_dict()
    kept = {name: source[name] for name in derived.state_dict() if "log_scale" not in name}
    derived.load_state_dict(derived.state_dict() | kept)
    return derived


def dot_of_used_columns(vectors):
    used = torch.cat(vectors).any(dim=0)
    return vectors.user[:, used] @ vectors.item[:, used].T


def calibrate(model, graph, mixture):
    with calibrating(model):
        model(graph, mixture)
    assert any(bool(m.log_scale.abs().sum() > 0) for m in model.modules() if hasattr(m, "log_scale"))


@pytest.mark.parametrize("calibrated", [False, True], ids=["raw", "calibrated"])
def test_one_hot_mixture_is_the_derived_model(tools, space, graph, preset, calibrated):
    supernet = tools.model_of(space, graph)
    chosen = tools.choices(space, preset)
    if calibrated:
        calibrate(supernet, graph, tools.inside(space))
    derived = derived_from(tools, supernet, graph, chosen)
    expected = tools.scores(derived, graph)
    mixture = tools.one_hot(space, chosen)
    torch.testing.assert_close(tools.scores(supernet, graph, mixture), expected)
    # The columns of the other read-outs are zero; without them even the order of summation is the same.
    actual, own = supernet(graph, mixture), derived(graph)
    assert torch.equal(dot_of_used_columns(actual), dot_of_used_columns(own))
    assert all(torch.equal(a[:, a.any(dim=0)], b[:, b.any(dim=0)]) for a, b in zip(actual, own, strict=True))


def test_every_alpha_gets_a_gradient(tools, space, graph):
    model = tools.model_of(space, graph)
    tools.scores(model, graph, mix(model.alphas, "softmax", 1.0)).square().sum().backward()
    assert set(model.alphas) == set(space.choices())
    for slot, alpha in model.alphas.items():
        assert alpha.shape == (len(space.candidates()[slot]),)
        assert alpha.grad is not None and bool((alpha.grad != 0).all()), slot  # noqa: PT018


def test_every_weight_gets_a_gradient(tools, space, graph):
    model = tools.model_of(space, graph)
    tools.scores(model, graph, tools.inside(space)).square().sum().backward()
    alphas = {f"alphas.{slot}" for slot in model.alphas}
    for name, weight in model.named_parameters():
        if name not in alphas:
            assert weight.grad is not None and bool(weight.grad.any()), name  # noqa: PT018


def test_alphas_travel_in_the_state_dict(tools, space, graph):
    model = tools.model_of(space, graph)
    values = {slot: p.log() for slot, p in tools.inside(space).items()}
    for slot, value in values.items():
        model.alphas[slot].data = value
    other = tools.model_of(space, graph, seed=3)
    other.load_state_dict(model.state_dict())
    for slot, value in values.items():
        assert torch.equal(other.alphas[slot], value), slot
    ours, theirs = (tools.scores(m, graph, mix(m.alphas, "softmax", 1.0)) for m in (model, other))
    assert torch.equal(ours, theirs)


def test_weights_are_all_parameters_but_the_alphas(tools, space, graph):
    model = tools.model_of(space, graph)
    weights, alphas = {id(p) for p in model.weights()}, {id(p) for p in model.alphas.values()}
    assert not weights & alphas
    assert weights | alphas == {id(p) for p in model.parameters()}


def test_each_slot_reads_its_own_alpha(tools, space, graph):
    """Moving the mixture of one slot is not the same as moving that of another (SANE read row 0 in all)."""
    model, base = tools.model_of(space, graph), tools.inside(space)
    before = tools.scores(model, graph, base)
    moved = {}
    for slot, p in base.items():
        moved[slot] = tools.scores(model, graph, base | {slot: p.flip(0)})
        assert not torch.allclose(moved[slot], before), slot
    kinds = ["aggregate", "convolve", "activation"]
    for kind in kinds:
        alike = [scores for slot, scores in moved.items() if slot.endswith(kind)]
        expected = 2 if space.tie_sides else 4
        assert len(alike) == expected + 2 * (kind == "aggregate" and len(space.relations) == 2)
        for k, scores in enumerate(alike):
            assert not any(torch.allclose(scores, other) for other in alike[:k]), kind


def test_each_layer_does_what_its_own_slots_say(tools, space, graph):
    """Written out: layer 1 is relu(sym · W), layer 2 the mean of layer 1; swapping any slot's layer fails."""
    first = {"aggregate": "sym", "convolve": "gcn", "activation": "relu"}
    chosen = {
        slot: first[slot.split("/")[-1]] if slot.startswith("layer1/") else name
        for slot, name in tools.choices(space, "lightgcn").items()
    }
    chosen |= {slot: "mean" for slot in chosen if slot.startswith("layer2/") and slot.endswith("aggregate")}
    chosen["readout"] = "last"
    model, relation = tools.model_of(space, graph), graph.into("user")[0].relation
    A = torch.zeros(graph.nodes["user"], graph.nodes["item"])
    A[relation.row, relation.index] = 1
    d, e = A.sum(1, keepdim=True).clamp(min=1), A.sum(0, keepdim=True).clamp(min=1)
    u, i = (model.features[side].ids.weight for side in ("user", "item"))
    W, V = (model.layers[0][side].convolve.candidates["gcn"].weight for side in ("user", "item"))
    C = torch.zeros(graph.nodes["item"], graph.nodes["item"])
    if "cooccurrence" in space.relations:
        among = graph.link("cooccurrence", "item").relation
        C[among.row, among.index] = 1
    f, g = C.sum(1, keepdim=True).clamp(min=1), C.sum(0, keepdim=True).clamp(min=1)
    messages = (A / (d * e).sqrt()).T @ u + C / (f * g).sqrt() @ i
    u, i = (A / (d * e).sqrt() @ i @ W).relu(), (messages @ V).relu()
    expected = (A / d @ i) @ (A.T / e.T @ u + C / f @ i).T
    torch.testing.assert_close(tools.scores(model, graph, tools.one_hot(space, chosen)), expected)
    derived = derived_from(tools, model, graph, chosen)
    torch.testing.assert_close(tools.scores(derived, graph), expected)


def test_tied_sides_share_alphas_not_weights(tools, space, graph):
    model = tools.model_of(space, graph)
    shared = [slot for slot in model.alphas if "/user/" not in slot and "/item/" not in slot]
    assert len(shared) == ((2 + len(space.relations)) * 2 + 2 if space.tie_sides else 2)
    user, item = (dict(model.layers[0][side].named_parameters()) for side in ("user", "item"))
    item = {name: weight for name, weight in item.items() if "cooccurrence" not in name}
    assert user.keys() == item.keys()
    assert not {id(p) for p in user.values()} & {id(p) for p in item.values()}


def test_relabelling_nodes_relabels_the_output(tools, space, graph):
    model, mixture = tools.model_of(space, graph), tools.inside(space)
    vectors = model(graph, mixture)
    generator = torch.Generator().manual_seed(4)
    new = {side: torch.randperm(graph.nodes[side], generator=generator) for side in ("user", "item")}
    links = []
    for link in graph.links:
        target, source = new[link.target][link.relation.row], new[link.source][link.relation.index]
        sizes = graph.nodes[link.target], graph.nodes[link.source]
        links.append(replace(link, relation=Relation.from_edges(target, source, *sizes)))
    relabelled = replace(graph, links=tuple(links))
    for side, feature in model.features.items():
        weight = feature.ids.weight
        weight.data = torch.empty_like(weight).index_copy(0, new[side], weight.data)
    moved = model(relabelled, mixture)
    torch.testing.assert_close(moved.user[new["user"]], vectors.user, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moved.item[new["item"]], vectors.item, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(moved.user, vectors.user)


def test_the_same_generator_gives_the_same_weights(tools, space, graph):
    one, two, three = (tools.model_of(space, graph, seed) for seed in (0, 0, 1))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.weights()[0], three.weights()[0])
    for alpha in one.alphas.values():
        alpha.data += 1
    one.reset_parameters(torch.Generator().manual_seed(0))
    two.reset_parameters(torch.Generator().manual_seed(0))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert all(bool((alpha == 0).all()) for alpha in one.alphas.values())


def test_a_model_reads_any_graph(tools, space, graph):
    """The graph is given to `forward`, so a model can refit on more edges than it was searched on."""
    model, mixture = tools.model_of(space, graph), tools.inside(space)
    more = tools.build(Pairs(torch.tensor([6, 0]), torch.tensor([5, 0])))
    before = tools.scores(model, graph, mixture)
    assert not torch.allclose(tools.scores(model, more, mixture), before)
    assert torch.equal(tools.scores(model, graph, mixture), before)


def test_dropout_keeps_the_mean_and_is_drawn_from_its_generator(graph, tools, space):
    x = torch.ones(2000, 10)
    out = Dropout(0.25, torch.Generator().manual_seed(0))(x)
    assert out.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    model, mixture = tools.model_of(space, graph), tools.inside(space)
    drop = [model(graph, mixture, Dropout(0.5, torch.Generator().manual_seed(s))).user for s in (0, 0, 1)]
    assert torch.equal(drop[0], drop[1])
    assert not torch.allclose(drop[0], drop[2])


def test_dropout_draws_where_its_generator_is_wherever_the_input_lies():
    here, there = (torch.Generator().manual_seed(0) for _ in range(2))
    Dropout(0.25, here)(torch.ones(20, 10))
    assert Dropout(0.25, there)(torch.ones(20, 10, device="meta")).device.type == "meta"
    assert torch.equal(here.get_state(), there.get_state())
    assert not torch.equal(here.get_state(), torch.Generator().manual_seed(0).get_state())


def rows_of(users, items):
    return {"user": torch.tensor(users), "item": torch.tensor(items)}


SUBSETS = {"few": rows_of([0, 2, 6], [1, 4, 5]), "most": rows_of([0, 1, 2, 4, 6], [0, 1, 2, 4, 5])}


@pytest.fixture(params=list(SUBSETS))
def rows(request, graph):
    """Few nodes have relations of their own; of most, the whole is computed."""
    found = SUBSETS[request.param]
    assert {crowded(r, graph.nodes[side]) for side, r in found.items()} == {request.param == "most"}
    return found


def assert_rows(model, graph, weights, rows):
    whole, some = model(graph, weights), model(graph, weights, rows=rows)
    for side, a, b in zip(rows, whole, some, strict=True):
        torch.testing.assert_close(b, a[rows[side]])
    parameters = [q for q in model.parameters() if q.requires_grad]
    chosen = [v[rows[side]] for side, v in zip(rows, whole, strict=True)]
    sums = [sum(v.square().sum() for v in vectors) for vectors in (chosen, some)]
    gradients = [torch.autograd.grad(x, parameters, allow_unused=True, materialize_grads=True) for x in sums]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)


def test_some_rows_are_rows_of_the_whole_in_value_and_gradient(tools, space, graph, rows):
    assert_rows(tools.model_of(space, graph), graph, tools.inside(space), rows)


def test_some_rows_of_every_preset_are_rows_of_the_whole(tools, space, graph, preset, rows):
    fixed = space.fixed(tools.choices(space, preset))
    assert_rows(tools.model_of(fixed, graph), graph, {}, rows)


@pytest.mark.parametrize("residual", [(), ("user",), ("user", "item")], ids=str)
def test_a_weight_free_design_is_the_same_as_polynomial_and_by_layers(
    residual, tools, space, graph, monkeypatch
):
    chosen = tools.choices(space, "lightgcn")
    kept = [s for s in chosen if s.endswith("convolve") and (space.tie_sides or s.split("/")[1] in residual)]
    space = replace(space, slots={slot: ("residual(0.3)",) for slot in kept if residual})
    fixed = space.fixed(chosen | {slot: "residual(0.3)" for slot in kept if residual})
    model = tools.model_of(fixed, graph)
    lean = model(graph)
    monkeypatch.setattr(type(model), "_polynomial", lambda *_: None)
    for a, b in zip(lean, model(graph), strict=True):
        torch.testing.assert_close(a, b)
    assert "_PolynomialBackward" in str(lean.user.grad_fn)


@pytest.mark.parametrize("score", [("dot",), ("dot", "mlp")], ids=["narrow", "padded"])
def test_a_path_is_the_design_it_names(tools, space, graph, score):
    space = replace(space, score=score)
    supernet = tools.model_of(space, graph)
    chosen = paths(supernet.alphas, "softmax", 1.0, torch.Generator().manual_seed(1), detach=True)
    names = space.choices()
    design = {slot: options[0] for slot, options in space.candidates().items()}
    design |= {slot: names[slot][choice.number] for slot, choice in chosen.items()}
    expected = tools.scores(supernet, graph, tools.one_hot(space, design))
    torch.testing.assert_close(tools.scores(supernet, graph, chosen), expected)


def test_autocast_rounds_the_dense_products_alone(tools, space, graph):
    model, mixture = tools.model_of(space, graph), tools.inside(space)
    batch = Batch(torch.tensor([0, 2, 5]), torch.tensor([1, 3, 2]), torch.tensor([0, 4]))
    recipe = Recipe(in_batch=False)
    exact = step_loss(model, graph, batch, recipe, mixture)
    rounded = step_loss(model, graph, batch, replace(recipe, autocast=True), mixture)
    assert rounded.dtype == torch.float32
    assert rounded.item() != exact.item()
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.05)


def test_partial_channels_reach_every_alpha(tools, space, graph):
    model = tools.model_of(space, graph)
    weights = partial(mix(model.alphas, "softmax", 1.0), model.dim, 0.5, torch.Generator().manual_seed(0))
    tools.scores(model, graph, weights).square().sum().backward()
    for slot, alpha in model.alphas.items():
        assert alpha.grad is not None and bool((alpha.grad != 0).any()), slot  # noqa: PT018
