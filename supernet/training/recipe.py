"""How a model is trained: the numbers that tuning may change, the same for derived models and baselines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Loss, ranking, optimiser and stopping.

    The loss: loss is a name in LOSSES. temperature: divides the scores in the softmax loss, and those of the
    negatives in bsl. positive_temperature: divides those of the positives in bsl. similarity: "cosine" trains
    on cosines and ranks by the score slot, "score" trains on the score slot itself. negatives: sampled items
    (shared by a batch in softmax and bsl, per pair in the others). sampling: how, a name in SAMPLINGS;
    popularity: the exponent in "popularity"; candidates, hard: the pool in "hard", so many times the
    negatives, and the share of these that are the hardest (`losses.hardest`). in_batch: the other items of a
    batch are negatives too (softmax, bsl). correction: exponent β of what is taken off the scores for
    popularity in training (softmax, bsl; see `losses.correction`). margin, negative_weight: of the ccl loss.
    uniformity: weight γ of the uniformity in directau.

    contrast: weight of the contrast of two noisy views (XSimGCL) beside the loss, 0 for none; noise: length ε
    of what each layer's rows are pushed by; contrast_layer: the one whose vectors are set against the final
    ones; contrast_temperature: of its softmax (`losses.contrast_loss`).

    Ranking: item_norm is κ in [0, 1], how much of an item vector's length counts, from all (1, the score slot
    as it is) to nothing (0, cosine); for dot and cosine scores (`pipeline.stages.scaled_items`).

    The optimiser: lr of Adam. l2: weight of the mean squared norm of the layer-0 rows in a batch. dropout: of
    messages. edge_dropout: of edges, drawn for each step (`Graph.thinned`). item_dropout: of items that are
    treated as new in a step (`Graph.as_new`), in models that tell new ones apart. epochs: at most so many.
    patience: validations without gain before stopping. validate_every: epochs between them. autocast: dense
    products of the layers in bfloat16, and those of the loss from inputs rounded to it
    (`ops.precision.rounded_products`).
    """

    loss: str = "softmax"
    temperature: float = 0.2
    positive_temperature: float = 0.2
    similarity: str = "cosine"
    negatives: int = 0
    sampling: str = "uniform"
    popularity: float = 0.75
    candidates: int = 4
    hard: float = 0.5
    in_batch: bool = True
    correction: float = 0.0
    margin: float = 0.9
    negative_weight: float = 150.0
    uniformity: float = 1.0
    contrast: float = 0.0
    noise: float = 0.2
    contrast_layer: int = 1
    contrast_temperature: float = 0.15
    item_norm: float = 1.0
    lr: float = 3e-3
    l2: float = 0.0
    dropout: float = 0.0
    edge_dropout: float = 0.0
    item_dropout: float = 0.0
    batch_size: int = 2048
    epochs: int = 50
    patience: int = 5
    validate_every: int = 1
    autocast: bool = False
