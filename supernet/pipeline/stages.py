"""The stages that both command lines share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from supernet.config import GraphConfig, TrainConfig, arguments
from supernet.data.dataset import PARTS, Dataset
from supernet.data.filters import clean
from supernet.data.graph import INTERACTIONS, Graph, build_graph
from supernet.data.readers import READERS
from supernet.data.side import Beside
from supernet.data.splits import published_split, split
from supernet.evaluation.metrics import evaluate, sample_users
from supernet.evaluation.ranking import Score, top_items
from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.model.recommender import Vectors
from supernet.pipeline.cold import cold_ranker, with_folds
from supernet.pipeline.start import Start
from supernet.runtime import InputError
from supernet.search.record import Ranked
from supernet.space import SearchSpace
from supernet.training.fit import Fit, Watch, fit
from supernet.training.recipe import Recipe

FILTERS = ("min_rating", "min_user", "min_item")
LEARNT = ("train", "alpha")
"""Parts that models are trained on once the search is over: the alpha part has done its work."""

KNOWN = (*LEARNT, "valid")
"""All but the test part."""


def load_data(config: TrainConfig, published: bool = False) -> Dataset:
    """Read, filter and split; `published`: the files' own train and test parts, nothing cut from train."""
    read = READERS[config.data.reader]
    interactions = read(**arguments(config.data, "reader", *FILTERS))
    filters = {name: getattr(config.data, name) for name in FILTERS}
    cleaned = clean(interactions, **filters)
    if published:
        return published_split(cleaned)
    return split(cleaned, config.split.method, config.seed, **arguments(config.split, "method"))


def graph_of(
    data: Dataset,
    parts: Sequence[str],
    backend: str,
    device: torch.device,
    relations: Sequence[str] = (INTERACTIONS,),
    settings: GraphConfig | None = None,
    beside: Beside | None = None,
) -> Graph:
    """The graph of the given parts, which before the refit are train alone, with the relations that a space
    asks for, what is known beside the interactions, and the new nodes of the data's folds."""
    settings, beside = settings or GraphConfig(), beside or Beside({}, {})
    try:
        graph = build_graph(
            data.pairs(parts),
            data.n_users,
            data.n_items,
            backend,
            relations,
            settings.neighbours,
            settings.shrinkage,
            beside.views,
            beside.edges,
        ).to(device)
    except ValueError as error:
        raise InputError(str(error)) from None
    return with_folds(graph, data, beside)


def space_of(config: object) -> SearchSpace:
    """The search space of a space node."""
    return SearchSpace(**arguments(config))


def recipe_of(config: TrainConfig) -> Recipe:
    """Loss and training nodes as one recipe."""
    return Recipe(loss=config.loss.name, **arguments(config.loss, "name"), **arguments(config.training))


def make_model(space: SearchSpace, graph: Graph, dim: int, seed: int, device: torch.device) -> Recommender:
    """A model with weights drawn from `seed`, on the CPU, so that they do not depend on the device."""
    try:
        generator = torch.Generator().manual_seed(seed)
        return Recommender(space, graph.nodes, dim, generator, graph.views).to(device)
    except ValueError as error:
        raise InputError(f"model.dim={dim}: {error}") from None


def score_validator(config: TrainConfig, data: Dataset) -> Callable[[Score], float]:
    """As `ranker`, of the metric alone."""
    rank = ranker(config, data)
    return lambda score: rank(score).score


def ranker(config: TrainConfig, data: Dataset) -> Callable[[Score], Ranked]:
    """A function that ranks by a score for the valid part, train and alpha items masked, and returns
    eval.metric and the coverage at its cut-off; the same users whatever is scored."""
    valid, seen = data.user_items(["valid"]), data.seen(["train", "alpha"])
    users = sample_users(valid, config.eval.users, torch.Generator().manual_seed(config.seed))
    k = int(config.eval.metric.split("@")[1])

    def rank(score: Score) -> Ranked:
        top = top_items(score, users, seen, k, config.eval.memory_mib << 20)
        means = evaluate(top, users, valid, data.n_items, ks=(k,)).means()
        return Ranked(means[config.eval.metric], means[f"coverage@{k}"])

    return rank


def validator(
    config: TrainConfig, data: Dataset, model: Recommender, graph: Graph, item_norm: float
) -> Callable[[Vectors, Weights | None], Ranked]:
    """As `ranker`, of a model's vectors; with eval.cold for the new nodes of the graph's valid fold.
    item_norm: of the recipe, see `score_of`."""

    def score(vectors: Vectors, weights: Weights | None) -> Score:
        return score_of(model, vectors, item_norm, weights)

    if config.eval.cold:
        return cold_ranker(config, data, model, graph, score)
    rank = ranker(config, data)
    return lambda vectors, weights: rank(score(vectors, weights))


def train_model(
    config: TrainConfig,
    data: Dataset,
    space: SearchSpace,
    recipe: Recipe,
    seed: int,
    graph: Graph,
    device: torch.device,
    watch: Watch | None = None,
    steps: int | None = None,
    parts: Sequence[str] = ("train",),
    start: Start | None = None,
) -> tuple[Recommender, Fit]:
    """Train a fixed space anew on `parts`, whose graph is given, stopped by the valid part; the model has its
    best weights.

    steps: batches of an epoch; None is a full pass. start: weights to begin with in place of fresh ones.
    """
    model = make_model(space, graph, config.model.dim, seed, device)
    if start is not None:
        start.put(model)
    rank = validator(config, data, model, graph, recipe.item_norm)
    local = data.to(device)
    generator = torch.Generator().manual_seed(seed)
    pairs, seen = local.pairs(parts), local.seen(parts)

    def validate(vectors: Vectors) -> float:
        return rank(vectors, None).score

    return model, fit(model, graph, pairs, seen, recipe, generator, validate, watch, steps)


def score_of(
    model: Recommender, vectors: Vectors, item_norm: float = 1.0, weights: Weights | None = None
) -> Score:
    """The model's score, to rank by. item_norm: κ of the recipe; it reads the items as `scaled_items` gives
    them."""
    p = None if weights is None else weights.get("score")
    items = scaled_items(model, vectors.item, item_norm)

    @torch.no_grad()
    def score(chunk: Tensor) -> Tensor:
        return cast(Tensor, model.score(vectors.user[chunk.to(vectors.user.device)], items, p)).cpu()

    return score


def scaled_items(model: Recommender, items: Tensor, item_norm: float) -> Tensor:
    r"""Item vectors for ranking, :math:`i / \|i\|^{1 - \kappa}` with κ = item_norm; (N_items, D), same shape.

    κ = 1 ranks by the score slot as it is, κ = 0 ranks a dot product as a cosine: the length of a user's
    vector never changes that user's order. A loss on cosines leaves the length of an item's
    vector free, and κ says how much of it counts. A zero vector stays zero.
    Errors: InputError for κ other than 1 where the score is a perceptron, which is trained on whole vectors.
    """
    if item_norm == 1.0:
        return items
    if "mlp" in model.score.candidates:
        raise InputError(
            f"loss.item_norm={item_norm}: the mlp score has no norm to leave out; set loss.item_norm=1 or "
            "space.score=[dot]"
        )
    norms = items.norm(dim=1, keepdim=True).clamp(min=torch.finfo(items.dtype).tiny)
    return items * norms.pow(item_norm - 1.0)


def describe(data: Dataset) -> list[str]:
    """The data in a few lines for the log: sizes of all parts, and every counted decision."""
    sizes = ", ".join(f"{part} {data.parts[part].users.numel():,}" for part in PARTS)
    return [f"{data.name}: {data.n_users:,} users × {data.n_items:,} items; pairs: {sizes}", *data.notes]
