"""How a search runs."""

from __future__ import annotations

from dataclasses import dataclass

COSTS = ("dense", "sampled", "partial")


@dataclass  # not frozen: it is the schema of the config node too, and omegaconf makes frozen nodes read-only
class SearchSettings:
    """Numbers of the alternating loop.

    cost: what a step computes; "dense": all candidates of every slot, "sampled": one path drawn anew for
    each step, "partial": all candidates of the aggregate slots on the share `channels` of the channels, sym
    on the others. epochs: passes over the train pairs. warmup: of those, epochs in which only weights are
    trained, at most all but the last. relaxation: name in RELAXATIONS; its temperature goes geometrically
    from temperature_start to temperature_end. order: hypergradient, by name. alpha_lr: of Adam on the
    alphas. alpha_batch_size: pairs of an alpha step. alpha_every: weight steps for each alpha step. select:
    selection rule, by name; select_pool and select_steps: designs and batches of its first round of short
    trainings. checkpoint_every: weight steps between checkpoints, beside the one that ends an epoch (0:
    none).
    """

    cost: str = "dense"
    channels: float = 0.25
    epochs: int = 8
    warmup: int = 2
    relaxation: str = "softmax"
    temperature_start: float = 1.0
    temperature_end: float = 0.5
    order: str = "first_order"
    alpha_lr: float = 0.005
    alpha_batch_size: int = 2048
    alpha_every: int = 1
    select: str = "rescored"
    select_pool: int = 9
    select_steps: int = 90
    checkpoint_every: int = 0
