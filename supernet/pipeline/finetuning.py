"""derive.py finetune.text=lora: the language models of the views are fine-tuned before anything else."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds

from supernet.config import DeriveConfig, TrainConfig
from supernet.data.dataset import Dataset, Pairs
from supernet.data.graph import ITEM, TEXT_KNN
from supernet.data.side import Beside
from supernet.data.views import View
from supernet.evaluation.ranking import scores_dot
from supernet.features.text.encoders import Transformer, encoder_of
from supernet.features.text.lora import Lora, adapters_of, fine_tuned, ridge, save_adapters
from supernet.features.text.mapped import mapped
from supernet.features.text.rows import Rows, Vectors
from supernet.pipeline.contenders import Contender
from supernet.pipeline.stages import LEARNT, ranker
from supernet.pipeline.texts import cache_folder, texts_of
from supernet.runtime import InputError, atomic_path, write_json

TUNABLE = ("minilm", "transformer")
RANK = 64


@dataclass(frozen=True)
class Task:
    """What a view is tuned for: collaborative vectors of users and items, and a score on the valid part."""

    users: Vectors
    items: Vectors
    validate: Callable[[torch.Tensor], float]

    def score(self, vectors: Vectors, known: np.ndarray) -> float:
        """Ranking by text alone: users' vectors times what `ridge` makes of the texts."""
        weight, bias = ridge(vectors, self.items[known])
        items = torch.zeros(self.items.shape)
        items[torch.from_numpy(known)] = torch.from_numpy(vectors @ weight + bias)
        return self.validate(items)


def finetune_texts(
    beside: Beside,
    run: TrainConfig,
    config: DeriveConfig,
    data: Dataset,
    device: torch.device,
    log: logging.Logger,
) -> tuple[Beside, float]:
    """The views with what fine-tuning on train and alpha made of them, and the seconds that it took; a view
    that no epoch makes better at ranking the valid part by text alone stays as it is.

    data: without its test part. device: where language models run. What a killed run had tuned stands in its
    folder. Neighbours by texts (`text_knn`) stay those that the search had.
    Errors: InputError where no view is by a language model of this machine; as `fine_tuned`.
    """
    if config.finetune.text == "none":
        return beside, 0.0
    specs = {name: dict(spec) for name, spec in run.text.views.items() if spec.get("encoder") in TUNABLE}
    if not specs:
        given = ", ".join(run.text.views) or "none"
        raise InputError(
            f"finetune.text={config.finetune.text} needs a view by one of {', '.join(TUNABLE)}; the run's "
            f"views are: {given}"
        )
    if data.cold is not None and data.cold.side == ITEM:
        raise InputError(
            f"finetune.text={config.finetune.text} with split.cold=items: fine-tuned texts of new items are "
            "not made yet; leave one of the two"
        )
    cleaned, task = texts_of(run.text, data, log), _task(run, data)
    assert cleaned is not None
    views, total = dict(beside.views), 0.0
    for name, spec in specs.items():
        known = views[name].known.numpy() > 0
        texts = [text for text, there in zip(cleaned.texts, known, strict=True) if there]
        encoder = encoder_of(spec, device)
        assert isinstance(encoder, Transformer)
        vectors, seconds = _tuned(name, encoder, texts, known, task, run, config, log)
        place = np.where(known, np.cumsum(known) - 1, -1)
        rows = Rows(place, vectors.shape[1], vectors.__getitem__)
        scaled = mapped(rows, run.text.scaling, cache_folder(run.text))
        views[name] = View(torch.from_numpy(scaled), views[name].known, views[name].projector)
        total += seconds
    if TEXT_KNN in beside.edges:
        log.info("relation %s: its edges are those that the search had, by the texts before", TEXT_KNN)
    return beside._replace(views=views), total


def with_tuned_texts(contender: Contender, config: DeriveConfig, seconds: float) -> Contender:
    """The contender with a note that its texts were fine-tuned, and the seconds of it."""
    if config.finetune.text == "none":
        return contender
    note = f"{contender.note}; texts fine-tuned by {config.finetune.text}"
    return replace(contender, note=note, text_seconds=seconds)


def collaborative(pairs: Pairs, n_users: int, n_items: int, rank: int = RANK) -> tuple[Vectors, Vectors]:
    r"""The first singular vectors of :math:`D_U^{-1/2} R D_I^{-1/2}`, those of users times their values.
    Shapes: (N_users, D), (N_items, D)."""
    users, items = pairs.users.numpy(), pairs.items.numpy()
    seen = sparse.csr_array((np.ones(len(users)), (users, items)), shape=(n_users, n_items))
    left, right = (np.maximum(seen.sum(axis=k), 1.0) ** -0.5 for k in (1, 0))
    scaled = sparse.diags_array(left) @ seen @ sparse.diags_array(right)
    u, values, v = svds(scaled, k=min(rank, min(scaled.shape) - 1), random_state=0)
    return (u * values).astype(np.float32), v.T.astype(np.float32)


def _task(run: TrainConfig, data: Dataset) -> Task:
    users, items = collaborative(data.pairs(LEARNT), data.n_users, data.n_items)
    rank, known = ranker(run, data), torch.from_numpy(users)
    return Task(users, items, lambda vectors: rank(scores_dot(known, vectors)).score)


def _tuned(
    name: str,
    encoder: Transformer,
    texts: list[str],
    known: np.ndarray,
    task: Task,
    run: TrainConfig,
    config: DeriveConfig,
    log: logging.Logger,
) -> tuple[Vectors, float]:
    """Vectors of the texts after the best epoch, 0 among them, and the seconds. Of a later one the adapters
    are kept beside them, so that texts of items to come can be encoded alike."""
    settings = config.finetune
    lora = Lora(settings.layers, settings.rank, settings.epochs, settings.lr, settings.batch)
    what = hashlib.sha256(repr((encoder.identity, lora, config.seeds[0])).encode()).hexdigest()[:8]
    path = Path(config.run) / f"text-{name}-{what}.npy"
    if path.is_file():
        done = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return np.load(path, mmap_mode="r"), float(done["seconds"])
    start = time.perf_counter()
    best, adapters = encoder.encode(texts), dict[str, torch.Tensor]()
    scores = [task.score(best, known)]
    generator = torch.Generator().manual_seed(config.seeds[0])
    metric = run.eval.metric
    log.info("view %s: valid %s by text alone %.4f, as it is", name, metric, scores[0])
    target = torch.from_numpy(task.items[known])
    for loss in fine_tuned(encoder, texts, target, lora, generator):
        vectors = encoder.encode(texts)
        scores.append(task.score(vectors, known))
        if scores[-1] > max(scores[:-1]):
            best, adapters = vectors, adapters_of(encoder)
        log.info("view %s: epoch %d: loss %.4f, valid %.4f", name, len(scores) - 1, loss, scores[-1])
    seconds = time.perf_counter() - start
    epoch = int(np.argmax(scores))
    said = f"that of epoch {epoch} is taken" if epoch else "it stays as it is"
    log.info("view %s: %s, %.1f s", name, said, seconds)
    if adapters:
        save_adapters(encoder, adapters, path.with_suffix(""))
        log.info("view %s: the adapters, as peft reads them, are in %s", name, path.with_suffix(""))
    write_json(path.with_suffix(".json"), {"seconds": seconds, "scores": scores, "epoch": epoch})
    with atomic_path(path) as temporary:
        np.save(temporary, best)
    return best, seconds
