"""The derived network's fusion with a closed form, chosen on the valid part."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from supernet.pipeline.bench import Bench
from supernet.pipeline.closed_forms import choose_settings
from supernet.pipeline.contenders import Contender, Fusion, Trained
from supernet.pipeline.stages import LEARNT, score_of, score_validator

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
"""What the closed form's share is chosen from, beside 0."""

EASE_ITEMS = 20_000
"""EASE inverts an items × items matrix: above so many items it is not tried."""


def choose_fusion(bench: Bench, contender: Contender, journal: Path, log: logging.Logger) -> Trained:
    """Train the contender once, and rank for valid by it alone and with each share of each closed form.

    In the outcome: the best of these as settings (none: the network alone), its valid score, the epochs of
    the training, and all seconds, those of the closed forms' tuning in an earlier start among them.
    """
    start, seed = time.perf_counter(), bench.derive.seeds[0]
    nothing = torch.empty(0, 0, dtype=torch.long)
    try:
        begun = bench.start_of(contender.name)
        model, result = bench.train(contender.space, contender.recipe, seed, start=begun)
    except FloatingPointError as error:
        return Trained(nothing, 0, 0.0, time.perf_counter() - start, failure=str(error))
    with torch.no_grad():
        vectors = model(bench.graph(contender.space, LEARNT))
    network = score_of(model, vectors, contender.recipe.item_norm)
    validate = score_validator(bench.run, bench.data)
    best, earlier = result.best_score, 0.0
    chosen: dict[str, Any] = {}
    for name in bench.derive.fuse:
        if name == "ease" and bench.data.n_items > EASE_ITEMS:
            log.info("fusion: ease is not tried, %d items are more than %d", bench.data.n_items, EASE_ITEMS)
            continue
        before = time.perf_counter()
        found = choose_settings(name, bench.run, bench.data, bench.budget(name), journal, seed, log)
        earlier += max(0.0, found.seconds - (time.perf_counter() - before))
        for share in SHARES:
            fusion = Fusion(name, share, found.values)
            score = validate(bench.fused(network, fusion, LEARNT))
            if score > best:
                best, chosen = score, asdict(fusion)
    text = f"{chosen['name']}, share {chosen['share']}" if chosen else "the network alone"
    log.info("fusion: %s, valid %.4f (the network alone %.4f)", text, best, result.best_score)
    seconds = time.perf_counter() - start + earlier
    return Trained(nothing, result.best_epoch, best, seconds, settings=chosen)
