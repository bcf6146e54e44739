"""Beyond accuracy: what the lists are made of, whether or not the items are wanted. One function a metric.

Throughout: top (U, K) int64 are lists, best first, -1 where one ends early; a list without an item (a model
that failed) does not count, and without any list a metric is 0. Coverage is in `metrics.PerUser`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ops.registry import Registry
from supernet.data.dataset import Dataset
from supernet.evaluation.cohorts import item_cohorts

_PAIRS = 2**18
"""Pairs of items compared at once: bounds the memory by their words."""

_LISTED = 2**22
"""Pairs of items of lists held at once: 32 MiB for each of the numbers that a pair has."""


@dataclass(frozen=True)
class Catalogue:
    """What is known of the items before the test.

    counts (N_items,) int64: train interactions; n_users; tail (N_items,) bool: see `item_cohorts`; words
    (N_items, N_words) 0/1: the words an item is described by, None where the data has no text.
    """

    counts: Tensor
    n_users: int
    tail: Tensor
    words: sparse.csr_array | None

    @classmethod
    def of(cls, data: Dataset, parts: Sequence[str]) -> Catalogue:
        """The catalogue by the interactions of `parts`; words of the text, or else of the titles."""
        counts = torch.bincount(data.pairs(parts).items.cpu(), minlength=data.n_items)
        tail = torch.zeros(data.n_items, dtype=torch.bool)
        for cohort in item_cohorts(counts):
            tail[cohort.members] = cohort.name == "tail"
        said = data.titles if data.text is None else data.text
        named = data.text is not None or not np.array_equal(data.titles, data.item_ids)
        return cls(counts, data.n_users, tail, bag_of_words(list(map(str, said))) if named else None)


Beyond = Callable[[Tensor, Catalogue], float | None]
BEYOND: Registry[Beyond] = Registry("metric beyond accuracy")
"""(top, catalogue) -> a number; None where the data does not hold what it needs."""


@BEYOND.register("gini")
def gini(top: Tensor, catalogue: Catalogue) -> float:
    r"""Gini index of how often each of the N items is listed: 0, all equally; towards 1, one item alone.

    :math:`\sum_{i=1}^N (2 i - N - 1) c_{(i)} / (N \sum_i c_i)`, c ascending, zeros included.
    Source: Shani & Gunawardana 2011, Evaluating Recommendation Systems.
    """
    counts = torch.bincount(top[top >= 0], minlength=len(catalogue.counts)).sort().values.double()
    n = len(counts)
    ranks = 2 * torch.arange(1, n + 1, dtype=torch.float64) - n - 1
    return float(ranks @ counts / (n * counts.sum().clamp(min=1)))


@BEYOND.register("popularity")
def popularity(top: Tensor, catalogue: Catalogue) -> float:
    """Average recommendation popularity (ARP): mean over lists of the mean train interactions of their items.

    Source: Yin et al., arXiv 1205.6700; Abdollahpouri et al., arXiv 1901.07555.
    """
    return _mean_of_lists(top, catalogue.counts.double())


@BEYOND.register("novelty")
def novelty(top: Tensor, catalogue: Catalogue) -> float:
    r"""Mean over lists of the mean self-information :math:`-\log_2 p(i)`, in bits.

    p(i) = (train users of i) / N_users: the chance that a user drawn at random knows the item.
    Source: Zhou et al., arXiv 0808.2670.
    """
    known = catalogue.counts.double().clamp(min=1) / catalogue.n_users
    return _mean_of_lists(top, -known.log2())


@BEYOND.register("tail_share")
def tail_share(top: Tensor, catalogue: Catalogue) -> float:
    """Average percentage of long-tail items (APLT), as a share: mean over lists of their share of tail items.

    Source: Abdollahpouri et al., arXiv 1901.07555; the tail is that of `item_cohorts`.
    """
    return _mean_of_lists(top, catalogue.tail.double())


@BEYOND.register("diversity")
def diversity(top: Tensor, catalogue: Catalogue) -> float | None:
    r"""Intra-list diversity: mean over lists of the mean distance of two of their items, None without words.

    The distance is Jaccard's of the sets of words, :math:`1 - |W_i \cap W_j| / |W_i \cup W_j|`; 1 for an item
    without words. Lists of one item have no pair and do not count.
    Source: Ziegler et al. 2005, Improving recommendation lists through topic diversification.
    """
    if catalogue.words is None:
        return None
    first, second = torch.triu_indices(top.shape[1], top.shape[1], offset=1)
    size = max(1, _LISTED // max(1, len(first)))
    blocks = [_distances(rows[:, first], rows[:, second], catalogue.words) for rows in top.split(size)]
    return _mean(torch.cat(blocks))


def beyond(top: Tensor, catalogue: Catalogue, ks: Sequence[int]) -> dict[str, float]:
    """All registered metrics at every cut-off: "gini@20" → value. Those the data cannot have are left out."""
    top = top.cpu()
    found = {f"{name}@{k}": BEYOND[name](top[:, :k], catalogue) for k in ks for name in BEYOND}
    return {name: value for name, value in found.items() if value is not None}


def bag_of_words(texts: Sequence[str]) -> sparse.csr_array:
    """The words of each text as 0/1, case ignored. Shapes: N texts -> (N, N_words) int32."""
    found = [sorted(set(re.findall(r"\w+", text.casefold()))) for text in texts]
    words = {word: column for column, word in enumerate(sorted(set().union(*found)))}
    columns = [words[word] for row in found for word in row]
    ptr = np.cumsum([0, *map(len, found)])
    ones = np.ones(len(columns), np.int32)
    return sparse.csr_array((ones, np.array(columns, np.int64), ptr), shape=(len(texts), len(words)))


def _distances(a: Tensor, b: Tensor, words: sparse.csr_array) -> Tensor:
    """The mean distance of the pairs (a, b) of each list, of the lists that have a pair. Shapes: (U, P) × 2
    -> (at most U,) float64."""
    n, real = words.shape[0], (a >= 0) & (b >= 0)
    keys, place = torch.unique(torch.minimum(a, b)[real] * n + torch.maximum(a, b)[real], return_inverse=True)
    distances = torch.zeros(real.shape, dtype=torch.float64)
    distances[real] = torch.from_numpy(_jaccard(words, keys.numpy(), n))[place]
    pairs = real.sum(dim=1)
    return (distances.sum(dim=1) / pairs.clamp(min=1))[pairs > 0]


def _jaccard(words: sparse.csr_array, keys: np.ndarray, n: int) -> np.ndarray:
    """Distances of the pairs (key // n, key % n). Shapes: (P,) -> (P,) float64."""
    sizes = np.diff(words.indptr)
    found = np.empty(len(keys))
    for start in range(0, len(keys), _PAIRS):
        a, b = np.divmod(keys[start : start + _PAIRS], n)
        both = words[a].multiply(words[b]).sum(axis=1)
        found[start : start + _PAIRS] = 1 - both / np.maximum(sizes[a] + sizes[b] - both, 1)
    return found


def _mean_of_lists(top: Tensor, value: Tensor) -> float:
    """Mean over the lists that have an item of the mean value of their items."""
    listed = top >= 0
    sums = (value[top.clamp(min=0)] * listed).sum(dim=1)
    lengths = listed.sum(dim=1)
    return _mean((sums / lengths.clamp(min=1))[lengths > 0])


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0
