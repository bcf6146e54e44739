"""Look at a search at the end of an epoch, without changing what it does next."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.model.recommender import Vectors
from supernet.search.eigenvalue import dominant_eigenvalue
from supernet.search.record import Ranked, SearchEpoch
from supernet.search.relaxations import entropy
from supernet.search.selection.base import one_hot
from supernet.search.smoothing import dirichlet_energy, mean_cosine

if TYPE_CHECKING:
    from supernet.search.loop import Search

Validate = Callable[[Vectors, Weights], Ranked]


def epoch_record(search: Search, validate: Validate) -> SearchEpoch:
    """The record of the epoch whose steps are done. validate: a score of vectors under a mixture. The model
    is looked at without its auxiliary skip, which no search ends with."""
    mixture, design, model, graph = search.mixture(), search.argmax(), search.model, search.graph
    with torch.no_grad(), no_auxiliary_skip(model):
        ranked = validate(model(graph, mixture), mixture)
        derived = validate(model(graph, design), design).score
        history = model.history(graph, mixture)
    entropies = [entropy(p) for p in mixture.values()]
    watcher, sums = torch.Generator().manual_seed(search.epoch), search.sums
    return SearchEpoch(
        epoch=search.epoch + 1,
        train_loss=sums.train / len(search.train),
        alpha_loss=sums.alpha / sums.alpha_steps if sums.alpha_steps else None,
        score=ranked.score,
        derived_score=derived,
        gap=ranked.score - derived,
        cost=search.expected_cost(mixture),
        derived_cost=search.expected_cost(_argmax(mixture)),
        temperature=search.temperature,
        alpha_scale=search.objective.temperature,
        entropy=sum(entropies) / max(1, len(entropies)),
        mixture={slot: p.tolist() for slot, p in mixture.items()},
        size={slot: m.sizes() for slot, (m, *_) in model.mixtures().items() if m.measured},
        gradient=sums.gradients(),
        gradient_cosine=sums.cosines(),
        eigenvalue=alpha_eigenvalue(search),
        energy=dirichlet_energy(history, graph),
        cosine=mean_cosine(history, watcher),
        coverage=ranked.coverage,
        seconds=sums.seconds + sums.beside,
        seconds_per_step=sums.seconds / len(search.train),
    )


def _argmax(mixture: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The largest candidate of every slot alone, (K,) each."""
    return {slot: one_hot(len(p), int(p.argmax())).to(p) for slot, p in mixture.items()}


@contextlib.contextmanager
def no_auxiliary_skip(model: Recommender) -> Iterator[None]:
    """Within it the model is without its auxiliary skip, as a derived one is."""
    share, model.auxiliary_skip = model.auxiliary_skip, 0.0
    try:
        yield
    finally:
        model.auxiliary_skip = share


def alpha_eigenvalue(search: Search) -> float | None:
    """The dominant eigenvalue of the alpha loss in the alphas, on a batch that is then given back; None in an
    epoch that settings.eigenvalue_every leaves out (each counts where that is 0 and eigenvalue_stop is
    set)."""
    every = search.settings.eigenvalue_every or int(search.settings.eigenvalue_stop > 0)
    if not every or search.epoch < search.warmup or (search.epoch + 1) % every or not search.alphas:
        return None
    state = search.objective.state_dict(), search.alpha_generator.get_state()
    search.objective.draw()
    watcher = torch.Generator().manual_seed(search.epoch)

    def loss() -> Tensor:
        return search.objective(dict(search.mixture(detach=False)))

    value = dominant_eigenvalue(loss, search.alphas, watcher)
    search.objective.load_state_dict(state[0])
    search.alpha_generator.set_state(state[1])
    return value
