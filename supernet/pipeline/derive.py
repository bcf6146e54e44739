"""derive.py: genotype → derived model → tuning → retraining → evaluation, on a finished run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from supernet.config import DeriveConfig, TrainConfig, arguments
from supernet.data.dataset import Dataset
from supernet.evaluation.baselines import BASELINES
from supernet.pipeline.contenders import DERIVED, Bench, Contender, Trained, fixed, random_designs, tuned
from supernet.pipeline.folder import GENOTYPE, require_run
from supernet.pipeline.results import Result, judge, write_results
from supernet.pipeline.stages import load_data
from supernet.report.board import Board
from supernet.report.progress import bar
from supernet.runtime import InputError, atomic_path, open_log, set_up, write_text
from supernet.space import Genotype

Outcomes = dict[str, list[Trained]]


def run_derive(config: DeriveConfig, run: TrainConfig, composed: str) -> Path:
    """Derive, tune, retrain, evaluate; write the result files into the run folder and return it."""
    folder = Path(config.run)
    require_run(folder)
    if (folder / "metrics.json").exists():
        raise InputError(
            f"{folder / 'metrics.json'}: this run was derived already, and its test part is opened once; "
            "read results.md, or search anew (to compare settings of derive.py, copy the folder first)"
        )
    genotype = Genotype.load(folder / GENOTYPE)
    device = set_up(**arguments(config.runtime))
    data = load_data(run)
    log = open_log(folder / "derive.log")
    write_text(folder / "derive.yaml", composed)
    bench = Bench(data.without("test"), run, config, device)
    contenders = choose(bench, genotype, folder / "tuning.journal", log)
    outcomes = retrain(bench, contenders, folder / "tuning.journal", log)
    _save_model(outcomes[DERIVED][0], folder)
    results = open_test(data, run, contenders, outcomes, config)
    verdict = judge(results, run.eval.metric)
    with Board(folder / "tensorboard") as board:
        for result in results:
            means = {f"test/{m}/{result.name}": sum(v) / len(v) for m, v in result.metrics.items()}
            board.scalars(0, means)
    write_results(folder, data, run, config, genotype, results, verdict, outcomes[DERIVED][0])
    return folder


def choose(bench: Bench, genotype: Genotype, journal: Path, log: logging.Logger) -> list[Contender]:
    """Every model to train: the derived one and LightGCN each tuned, the others with LightGCN's values."""
    names = [name for name in bench.derive.baselines if name not in BASELINES]
    others = {name: fixed(bench, name, None) for name in names}  # an unknown name fails before the tuning
    seed = bench.derive.seeds[0]
    found = [tuned(bench, DERIVED, genotype.to_space(), journal, seed, log)]
    like = found[0]
    if "lightgcn" in others:
        like = tuned(bench, "lightgcn", others["lightgcn"].space, journal, seed, log)
    for name in names:
        found.append(like if name == "lightgcn" else fixed(bench, name, like))
    return found + random_designs(bench, genotype, like)


def retrain(bench: Bench, contenders: list[Contender], journal: Path, log: logging.Logger) -> Outcomes:
    """Train every contender once a seed, random designs with the first seed alone; fit closed forms once."""
    outcomes: Outcomes = {}
    jobs = [(c, bench.derive.seeds[: 1 if c.once else None]) for c in contenders]
    with bar("retraining", total=sum(len(seeds) for _, seeds in jobs)) as progress:
        for contender, seeds in jobs:
            outcomes[contender.name] = []
            for seed in seeds:
                trained = bench.retrain(contender, seed)
                outcomes[contender.name].append(trained)
                done = f"{trained.epochs} epochs, valid {trained.valid:.4f}, {trained.seconds:.1f} s"
                log.info("%s seed %d: %s", contender.name, seed, trained.failure or done)
                progress.advance()
                progress.status(f"{contender.name} seed {seed}")
    for name in bench.derive.baselines:
        if name in BASELINES:
            outcomes[name] = [bench.closed_form(name, journal, log)]
    return outcomes


def open_test(
    data: Dataset,
    run: TrainConfig,
    contenders: list[Contender],
    outcomes: Mapping[str, list[Trained]],
    config: DeriveConfig,
) -> list[Result]:
    """Look at the test part, once, after every choice has been made."""
    test = data.user_items(["test"])
    by_name = {contender.name: contender for contender in contenders}
    order = [DERIVED, *config.baselines]
    rows = [Result.of(name, by_name.get(name), outcomes[name], test, data, run.eval.ks) for name in order]
    drawn = [name for name in outcomes if name not in order]
    if drawn:
        several = [Result.of(name, by_name[name], outcomes[name], test, data, run.eval.ks) for name in drawn]
        rows.append(Result.mean(f"random (mean of {len(drawn)})", several))
    return rows


def _save_model(trained: Trained, folder: Path) -> None:
    if trained.model is not None:
        with atomic_path(folder / "derived.pt") as temporary:
            torch.save(trained.model.state_dict(), temporary)
