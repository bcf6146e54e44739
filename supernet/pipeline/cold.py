"""New items and new users: folded into a model, ranked for validation, and listed for the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from supernet.config import TrainConfig
from supernet.data.cold import Task, tasks_of
from supernet.data.cold_splits import ITEMS
from supernet.data.dataset import Dataset
from supernet.data.graph import ITEM, USER, Graph
from supernet.data.new_nodes import new_nodes
from supernet.data.side import Beside
from supernet.evaluation.metrics import evaluate, sample_users
from supernet.evaluation.ranking import Score, top_items
from supernet.evaluation.rules import Rules, top_by_rules
from supernet.model import Recommender
from supernet.model.fold_in import fold_in, tells_apart
from supernet.model.layer import Weights
from supernet.model.recommender import Vectors
from supernet.search.record import Ranked
from supernet.space import SearchSpace

Scored = Callable[[Vectors, Weights | None], Score]
"""How a model's vectors become a score."""

VALID, TEST = "valid", "test"


def with_folds(graph: Graph, data: Dataset, beside: Beside) -> Graph:
    """The graph with the new nodes of each fold of the data; itself where there are none."""
    if data.cold is None:
        return graph
    folds = {}
    for name, fold in data.cold.folds.items():
        of = beside.new.get(name, Beside({}, {}))
        given = fold.given if data.cold.side == USER else None
        folds[name] = new_nodes(graph, data.cold.side, len(fold.ids), given, of.edges, of.views)
    return replace(graph, folds=folds)


def with_new(
    model: Recommender, graph: Graph, fold: str, vectors: Vectors, weights: Weights | None = None
) -> Vectors:
    """The vectors that a fold is ranked by: of the new users and all items, or of all users and the known
    items with the new ones after them.

    New items are brought, all by one factor, to the mean length of the known ones: what a read-out makes of
    layers that no message reaches is shorter than what it makes of others, and training on cosines leaves
    lengths free. The order of new items among themselves stays.
    """
    new = graph.folds[fold]
    folded = fold_in(model, graph, new, weights)
    if new.side == USER:
        return Vectors(folded, vectors.item)
    if "mlp" not in model.score.candidates:  # it reads whole vectors, and is trained on their lengths
        folded = folded * (vectors.item.norm(dim=1).mean() / folded.norm(dim=1).mean().clamp(min=1e-12))
    return Vectors(vectors.user, torch.cat([vectors.item, folded]))


def cold_ranker(
    config: TrainConfig, data: Dataset, model: Recommender, graph: Graph, score: Scored
) -> Callable[[Vectors, Weights | None], Ranked]:
    """A function that ranks by a model's vectors for the new nodes of the valid fold, the same users whatever
    is ranked, and returns eval.metric and the coverage; 0 for a model that cannot tell them apart."""
    task = next(iter(tasks_of(data, VALID).values()))
    users = sample_users(task.wanted, config.eval.users, torch.Generator().manual_seed(config.seed))
    k = int(config.eval.metric.split("@")[1])
    able = tells_apart(model.space, graph.folds[VALID].side)

    @torch.no_grad()
    def rank(vectors: Vectors, weights: Weights | None) -> Ranked:
        if not able:
            return Ranked(0.0, 0.0)
        whole = with_new(model, graph, VALID, vectors, weights)
        own = score(whole._replace(item=whole.item[task.first :]), weights)
        top = top_items(own, users, task.seen, k, config.eval.memory_mib << 20)
        means = evaluate(top, users, task.wanted, task.n_items, ks=(k,)).means()
        return Ranked(means[config.eval.metric], means[f"coverage@{k}"])

    return rank


def ranks_valid(config: TrainConfig, space: SearchSpace) -> bool:
    """Whether a model can rank what validation asks for, and so its score compares with others'."""
    return not config.eval.cold or tells_apart(space, ITEM if config.split.cold == ITEMS else USER)


@torch.no_grad()
def cold_lists(
    model: Recommender,
    graph: Graph,
    data: Dataset,
    vectors: Vectors,
    score: Scored,
    depth: int,
    memory: int,
    rules: Mapping[str, Rules] | None = None,
) -> dict[str, Tensor] | None:
    """The best items of every user of each ranking of the test fold, {ranking: (N_users, depth)}; None for a
    model that cannot tell its new nodes apart, and for data without. rules: of each ranking."""
    if data.cold is None or not tells_apart(model.space, data.cold.side):
        return None
    whole = with_new(model, graph, TEST, vectors)
    found = {}
    for name, task in tasks_of(data, TEST).items():
        own = score(whole._replace(item=whole.item[task.first :]), None)
        found[name] = listed(own, task, depth, memory, None if rules is None else rules[name])
    return found


def listed(score: Score, task: Task, depth: int, memory: int, rules: Rules | None = None) -> Tensor:
    """The best items of all users of a ranking, under rules if given, (N_users, depth)."""
    users = torch.arange(task.n_users)
    if rules is None:
        return top_items(score, users, task.seen, depth, memory)
    return top_by_rules(score, users, task.seen, depth, rules, memory)
