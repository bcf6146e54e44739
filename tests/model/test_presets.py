"""The published designs against a dense formula of the whole model, value and gradient."""

import pytest
import torch
import torch.nn.functional as F

from supernet.space import SearchSpace


def sym(A, x, target, w):
    d, e = A.sum(1, keepdim=True).clamp(min=1), A.sum(0, keepdim=True).clamp(min=1)
    return (A / (d * e).sqrt()) @ x


def mean(A, x, target, w):
    return (A / A.sum(1, keepdim=True).clamp(min=1)) @ x


def attend(A, x, target, w):
    """The mean of two heads, a softmax over each node's neighbours; zeros for a node without any."""
    heads = []
    for h in range(2):
        score = F.leaky_relu(
            (target @ w["aggregate.target"][:, [h]]) + (x @ w["aggregate.source"][:, h]), 0.2
        )
        weight = score.masked_fill(A == 0, -torch.inf).softmax(dim=1)
        heads.append(weight.masked_fill(A == 0, 0.0).nan_to_num(0.0) @ x)
    return torch.stack(heads).mean(dim=0)


def layer(name, A, x, source, w):
    """The new vectors of one side: A (N, M) 0/1, x (N, D) its old vectors, source (M, D) the other side's."""
    if name == "lightgcn":
        return sym(A, source, x, w)
    if name == "lightgcn_pp":
        return A @ F.normalize(source) / A.sum(1, keepdim=True).clamp(min=1).sqrt()
    if name == "gcn":
        return F.relu(sym(A, source, x, w) @ w["convolve.weight"])
    if name == "graphsage":
        both = torch.cat([w["convolve.own"], w["convolve.neighbours"]])
        return F.relu(torch.cat([x, mean(A, source, x, w)], dim=1) @ both)
    if name == "gat":
        return F.elu(attend(A, source, x, w) @ w["convolve.weight"])
    if name == "ngcf":
        m = sym(A, source, x, w)
        return F.leaky_relu((x + m) @ w["convolve.linear"] + (x * m) @ w["convolve.product"], 0.2)
    if name == "gin":
        return F.relu(((1 + w["convolve.epsilon"]) * x + A @ source) @ w["convolve.weight"])
    return x


def read(name, layers):
    if name == "lightgcn":
        return sum(layers) / len(layers)
    if name == "lightgcn_pp":
        return 0.2 * layers[0] + 0.8 * sum(layers[1:]) / len(layers[1:])
    return torch.cat(layers, dim=1) if name == "ngcf" else layers[-1]


def dense(name, model, graph):
    """The model's scores, written out: users and items in turn, every layer from the one before."""
    relation = graph.into("user")[0].relation
    A = torch.zeros(graph.nodes["user"], graph.nodes["item"])
    A[relation.row, relation.index] = 1
    u, i = (model.features[side].ids.weight for side in ("user", "item"))
    users, items = [u], [i]
    for sides in model.layers:
        w = {side: plain(sides[side]) for side in ("user", "item")}
        u, i = layer(name, A, u, i, w["user"]), layer(name, A.T, i, u, w["item"])
        users, items = [*users, u], [*items, i]
    return read(name, users) @ read(name, items).T


def plain(module):
    """The weights of a layer by slot and own name, the operator's name left out."""
    names = {path: path.split(".") for path, _ in module.named_parameters()}
    return {f"{names[path][0]}.{names[path][-1]}": weight for path, weight in module.named_parameters()}


@pytest.fixture(params=[1, 2, 3], ids=["1 layer", "2 layers", "3 layers"])
def design(request, tools, preset):
    everything = SearchSpace(request.param, ("none",), ("skip",), ("identity",), ("last",), tie_sides=True)
    return everything.fixed(tools.choices(everything, preset))


def test_is_the_dense_model(tools, design, preset, graph):
    model = tools.model_of(design, graph)
    assert len(model.alphas) == 0
    actual, expected = tools.scores(model, graph), dense(preset, model, graph)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    cotangent = torch.randn(actual.shape, generator=torch.Generator().manual_seed(2))
    got, wanted = (
        torch.autograd.grad(out, model.weights(), cotangent, allow_unused=True, materialize_grads=True)
        for out in (actual, expected)
    )
    for (name, _), a, b in zip(model.named_parameters(), got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
        assert preset == "mf" or "features" not in name or bool(a.any()), name
