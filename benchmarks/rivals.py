"""What a user would otherwise run: PyG's layers and LightGCN, and a LightGCN-PyTorch-style loop."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import measure
from ops.activation import ACTIVATIONS
from supernet.data.graph import ITEM, USER, Graph
from supernet.model.recommender import Vectors

PACKAGES = {"pyg": ("torch_geometric",), "pyg_sparse": ("torch_geometric", "torch_sparse")}
"""Case → what it needs; a case that is not here needs nothing."""


def runnable(cases: Iterable[str]) -> list[str]:
    """The cases whose packages are installed; standard error tells those that are left out, and why."""
    found = []
    for case in cases:
        missing = [name for name in PACKAGES.get(case, ()) if importlib.util.find_spec(name) is None]
        if missing:
            print(f"benchmark: {case} is left out: no {' and '.join(missing)} here", file=sys.stderr)
        else:
            found.append(case)
    return found


def pyg_aggregators(edges: Tensor) -> dict[str, dict[str, nn.Module]]:
    """PyG's layers for each aggregator of ours that it has, by form; none where it is not installed.

    LGConv, as PyG's LightGCN calls it, finds the degrees and weights of the edges anew at every call ("pyg");
    ours keep them, and so does "pyg_normalised".
    """
    if not runnable(["pyg"]):
        return {}
    from torch_geometric.nn import LGConv, SimpleConv

    plain = {name: {"pyg": SimpleConv(aggr=name)} for name in ("sum", "mean", "max")}
    return {**plain, "sym": {"pyg": LGConv(), "pyg_normalised": Normalised(edges)}}


def pyg_convolutions(edges: Tensor, dim: int) -> dict[str, dict[str, nn.Module]]:
    """The same for each convolution of ours; gat: attention, and the linear map of its result."""
    if not runnable(["pyg"]):
        return {}
    from torch_geometric.nn import GATConv, GCNConv, GINConv, LGConv, SAGEConv

    plain = {"add_self_loops": False, "bias": False}
    return {
        "light": {"pyg": LGConv(), "pyg_normalised": Normalised(edges)},
        "gcn": {"pyg": GCNConv(dim, dim, **plain), "pyg_normalised": GCNConv(dim, dim, cached=True, **plain)},
        "gat": {"pyg": GATConv(dim, dim // 2, heads=2, **plain)},
        "sage": {"pyg": SAGEConv(dim, dim, bias=False)},
        "gin": {"pyg": GINConv(nn.Linear(dim, dim, bias=False))},
    }


class Normalised(nn.Module):
    """PyG's LGConv with the weights of its edges given."""

    def __init__(self, edges: Tensor) -> None:
        super().__init__()
        from torch_geometric.nn import LGConv
        from torch_geometric.nn.conv.gcn_conv import gcn_norm

        self.conv = LGConv(normalize=False)
        _, self.weight = gcn_norm(edges, add_self_loops=False)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """The layer."""
        return self.conv(x, edges, self.weight)


class PyGMixture(nn.Module):
    """A supernet as one writes it with PyG's layers: seven convolutions a layer, mixed by their outputs."""

    def __init__(self, graph: Graph, layers: int, dim: int) -> None:
        super().__init__()
        from torch_geometric.nn import GATConv, GCNConv, GINConv, GraphConv, LGConv, SAGEConv

        self.nodes = graph.nodes
        relation = next(link.relation for link in graph.links if link.target == USER)
        users, items = relation.row, relation.index + graph.nodes[USER]
        self.edges = torch.stack([torch.cat([users, items]), torch.cat([items, users])])
        self.embedding = nn.Parameter(0.02 * torch.randn(sum(graph.nodes.values()), dim))
        make = (
            lambda: LGConv(),
            lambda: GCNConv(dim, dim),
            lambda: SAGEConv(dim, dim),
            lambda: SAGEConv(dim, dim, aggr="max"),
            lambda: GATConv(dim, dim),
            lambda: GINConv(nn.Linear(dim, dim)),
            lambda: GraphConv(dim, dim),
        )
        self.layers = nn.ModuleList(nn.ModuleList(m() for m in make) for _ in range(layers))
        self.alphas = nn.ParameterList(nn.Parameter(torch.zeros(len(make))) for _ in range(layers))
        self.functions = [ACTIVATIONS[name] for name in ("identity", "relu", "leaky_relu", "elu", "tanh")]

    def forward(self) -> Vectors:
        """Mean over layers, as LightGCN's read-out."""
        x, out = self.embedding, self.embedding
        for candidates, alpha in zip(self.layers, self.alphas, strict=True):
            p = alpha.detach().softmax(0)
            x = sum(p[k] * layer(x, self.edges) for k, layer in enumerate(candidates))
            x = sum(f(x) for f in self.functions) / len(self.functions)
            out = out + x
        return Vectors(*(out / (len(self.layers) + 1)).split([self.nodes[USER], self.nodes[ITEM]]))


class PyG:
    """One step of PyG's LightGCN as its own example (examples/lightgcn.py) takes it."""

    def __init__(self, data: measure.Interactions, dim: int, layers: int, batch: int, sparse: bool) -> None:
        from torch_geometric.nn import LightGCN

        self.batch = batch

        users, items = data.train.users, data.train.items + data.n_users
        edges = torch.stack([torch.cat([users, items]), torch.cat([items, users])])
        self.n_users, self.n_items = data.n_users, data.n_items
        self.pairs = torch.stack([users, items])
        self.model = LightGCN(data.n_users + data.n_items, dim, layers)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.edges = edges
        if sparse:
            from torch_sparse import SparseTensor

            nodes = data.n_users + data.n_items
            self.edges = SparseTensor(row=edges[1], col=edges[0], sparse_sizes=(nodes, nodes))

    def step(self) -> None:
        """BPR on a batch with one random item a pair."""
        chosen = torch.randint(self.pairs.shape[1], (self.batch,))
        pairs = self.pairs[:, chosen]
        other = torch.randint(self.n_users, self.n_users + self.n_items, (self.batch,))
        label = torch.cat([pairs, torch.stack([pairs[0], other])], dim=1)
        self.optimiser.zero_grad()
        own, rest = self.model(self.edges, label).chunk(2)
        loss = self.model.recommendation_loss(own, rest, node_id=label.unique())
        loss.backward()
        self.optimiser.step()


class LightGCNPyTorch:
    """One step of a LightGCN-PyTorch-style loop: a COO product, samples drawn user by user."""

    def __init__(self, data: measure.Interactions, dim: int, layers: int, batch: int) -> None:
        self.layers, self.batch = layers, batch
        nodes = data.n_users + data.n_items
        users, items = data.train.users, data.train.items + data.n_users
        edges = torch.stack([torch.cat([users, items]), torch.cat([items, users])])
        degree = torch.bincount(edges[0], minlength=nodes).float()
        value = (degree[edges[0]] * degree[edges[1]]).rsqrt()
        self.graph = torch.sparse_coo_tensor(edges, value, (nodes, nodes)).coalesce()
        self.n_users, self.n_items = data.n_users, data.n_items
        seen = data.user_items(data.train)
        self.items_of = [a.numpy() for a in seen.items.split(seen.counts.tolist())]
        self.rng = np.random.default_rng(0)
        self.embedding = nn.Parameter(0.1 * torch.randn(nodes, dim))
        self.optimiser = torch.optim.Adam([self.embedding], lr=1e-3)

    def sample(self) -> Tensor:
        """(user, item, negative) triples, one user after the other."""
        triples = []
        for user in self.rng.integers(0, self.n_users, self.batch):
            items = self.items_of[user]
            if not len(items):
                continue
            positive = items[self.rng.integers(0, len(items))]
            while True:
                negative = self.rng.integers(0, self.n_items)
                if negative not in items:
                    break
            triples.append([user, positive, negative])
        return torch.tensor(np.array(triples))

    def step(self) -> None:
        """BPR with L2 on the layer-0 rows."""
        users, positives, negatives = self.sample().unbind(1)
        layers = [self.embedding]
        for _ in range(self.layers):
            layers.append(torch.sparse.mm(self.graph, layers[-1]))
        user, item = torch.stack(layers, dim=1).mean(dim=1).split([self.n_users, self.n_items])
        score = (user[users] * item[positives]).sum(1), (user[users] * item[negatives]).sum(1)
        rows = torch.cat([users, positives + self.n_users, negatives + self.n_users])
        loss = F.softplus(score[1] - score[0]).mean()
        loss = loss + 1e-4 * self.embedding[rows].square().sum() / (2 * len(users))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
