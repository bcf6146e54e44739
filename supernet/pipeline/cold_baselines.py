"""What a model's lists of new items or users are set beside: popularity, and likeness of texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from supernet.config import TrainConfig
from supernet.data.cold import ALL, COLD, tasks_of
from supernet.data.dataset import Dataset, Pairs
from supernet.data.graph import ITEM, USER
from supernet.data.side import Beside, nearest_texts
from supernet.data.views import View, users_views
from supernet.evaluation.ranking import Score, scores_dot
from supernet.pipeline.cold import TEST, listed
from supernet.pipeline.texts import compared_view

RANDOM, POP, TEXT_NEAREST = "random order", "pop", "text_knn"
LIKENESS = "mean of the text vectors of a user's items · text vector of the item, cosines"
NOTES = {
    ITEM: {
        RANDOM: "one order for all users: new items have no popularity",
        POP: "of a new item the mean popularity of the known items with the most alike texts",
        TEXT_NEAREST: LIKENESS,
    },
    USER: {POP: "", TEXT_NEAREST: LIKENESS},
}


def baseline_lists(
    config: TrainConfig, data: Dataset, beside: Beside, parts: Sequence[str], depth: int
) -> dict[str, dict[str, Tensor]]:
    """By baseline and ranking of the test fold the best items of every user, (N_users, depth): of what needs
    no text, and with texts of all. Nothing is fitted or chosen; `parts` are what is known."""
    assert data.cold is not None
    make = _of_items if data.cold.side == ITEM else _of_users
    scores = make(config, data, beside, data.pairs(parts))
    memory = config.eval.memory_mib << 20
    return {
        name: {
            ranking: listed(score[ranking], task, depth, memory)
            for ranking, task in tasks_of(data, TEST).items()
            if ranking in score
        }
        for name, score in scores.items()
    }


def _of_items(
    config: TrainConfig, data: Dataset, beside: Beside, pairs: Pairs
) -> dict[str, dict[str, Score]]:
    assert data.cold is not None
    count = len(data.cold.folds[TEST].ids)
    found = {RANDOM: {COLD: _alike(-torch.arange(count).float())}}
    if not beside.views:
        return found
    known = compared_view(beside.views, config.graph.text_view)
    new = compared_view(beside.new[TEST].views, config.graph.text_view)
    counts = torch.bincount(pairs.items, minlength=data.n_items).float()
    edges = nearest_texts(known, config.graph.neighbours, new)
    size = torch.bincount(edges.target, minlength=count).clamp(min=1)
    guessed = counts.new_zeros(count).index_add_(0, edges.target, counts[edges.source]) / size
    users = users_views(pairs, data.n_users, {"": _unit(known)})[""].vectors
    fresh = _unit(new).vectors
    return found | {
        POP: {COLD: _alike(guessed), ALL: _alike(torch.cat([counts, guessed]))},
        TEXT_NEAREST: {
            COLD: scores_dot(users, fresh),
            ALL: scores_dot(users, torch.cat([_unit(known).vectors, fresh])),
        },
    }


def _of_users(
    config: TrainConfig, data: Dataset, beside: Beside, pairs: Pairs
) -> dict[str, dict[str, Score]]:
    assert data.cold is not None
    fold = data.cold.folds[TEST]
    counts = torch.bincount(pairs.items, minlength=data.n_items).float()
    found = {POP: {ALL: _alike(counts)}}
    if beside.views:
        view = _unit(compared_view(beside.views, config.graph.text_view))
        users = users_views(fold.given, len(fold.ids), {"": view})[""].vectors
        found[TEXT_NEAREST] = {ALL: scores_dot(users, view.vectors)}
    return found


def _unit(view: View) -> View:
    return view._replace(vectors=F.normalize(view.vectors, dim=1))


def _alike(values: Tensor) -> Score:
    """The same scores for every user."""
    return lambda users: values.repeat(len(users), 1)
