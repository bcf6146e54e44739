"""A design chosen anew from a finished search, by another selection rule: derive.py select=…"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch

from supernet.config import TrainConfig
from supernet.pipeline.chosen import by_rule, genotype_of
from supernet.pipeline.folder import CHECKPOINT, GENOTYPE, load_checkpoint
from supernet.pipeline.search import search_of
from supernet.pipeline.short_trainings import ShortTrainings
from supernet.pipeline.stages import graph_of, load_data, make_model, space_of, validator
from supernet.pipeline.texts import load_beside
from supernet.pipeline.transfer import transfer_of
from supernet.runtime import InputError
from supernet.search.settings import BILEVEL
from supernet.space import Genotype
from supernet.space.judged import SELECTION


def rechosen(
    folder: Path, run: TrainConfig, rule: str, device: torch.device, log: logging.Logger
) -> Genotype:
    """The genotype that the finished search in `folder` would have ended with, had search.select been `rule`.

    The supernet is that of the checkpoint; short trainings of the search that the rule asks for too are not
    run again, and their seconds count whether it asks for them or not. What is chosen stands in
    select-<rule>/genotype.json, and the run's own genotype stays. A start that was killed goes on.
    Errors: InputError where the search has no mixture, or no checkpoint is left.
    """
    own = folder / f"select-{rule}"
    if (own / GENOTYPE).is_file():
        return Genotype.load(own / GENOTYPE)
    check_has_supernet(folder, run, rule)
    data, space = load_data(run), space_of(run.space)
    transfer = transfer_of(run, space, data.user_ids, folder)
    data = data.without("test")
    beside = load_beside(run, data, space.relations, device, log, probe=False)
    graph = graph_of(data, ["train"], run.ops.backend, device, space.relations, run.graph, beside)
    model = make_model(space, graph, run.model.dim, run.seed, device)
    search = search_of(run, model, graph, data.to(device), folder)
    load_checkpoint(search, folder / CHECKPOINT, log)
    mixture = search.run(validator(run, data, model, graph, search.recipe.item_norm))
    own.mkdir(exist_ok=True)
    if not (own / SELECTION).is_file() and (folder / SELECTION).is_file():
        shutil.copyfile(folder / SELECTION, own / SELECTION)
    config = replace(run, search=replace(run.search, select=rule))
    kept, start = ShortTrainings(own / SELECTION), time.perf_counter()
    before = kept.seconds
    known = [] if transfer is None else transfer.known
    designs = by_rule(search, config, data, mixture, kept, log, known)
    genotype = genotype_of(search, config, designs, mixture, [], before + time.perf_counter() - start)
    searched = Genotype.load(folder / GENOTYPE)
    genotype = replace(genotype, parent=searched.parent)
    log.info(
        "select=%s: genotype %s; search.select=%s had chosen %s",
        *(rule, genotype.hash, run.search.select, searched.hash),
    )
    genotype.save(own / GENOTYPE)
    return genotype


def check_has_supernet(folder: Path, run: TrainConfig, rule: str) -> None:
    """Errors: InputError where no mixture is there for a rule to choose from."""
    if run.search.strategy != BILEVEL:
        raise InputError(
            f"select={rule} chooses from the mixture of a supernet, and this run's search.strategy="
            f"{run.search.strategy} judged designs one by one; leave select out"
        )
    if not (folder / CHECKPOINT).is_file():
        raise InputError(
            f"{folder / CHECKPOINT}: no such file; select={rule} needs the supernet that train.py kept; "
            "leave select out, or search anew"
        )
