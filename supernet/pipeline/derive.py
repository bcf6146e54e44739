"""derive.py: genotype → derived model → tuning → retraining → evaluation, on a finished run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from supernet.config import DeriveConfig, TrainConfig, arguments
from supernet.evaluation.baselines import BASELINES
from supernet.pipeline.ablation import ablations
from supernet.pipeline.bench import Bench
from supernet.pipeline.choices import choose, with_first_seed
from supernet.pipeline.cold_baselines import baseline_lists
from supernet.pipeline.cold_results import open_cold
from supernet.pipeline.contenders import DERIVED, NETWORK, Contender, Fusion, Trained, is_rival
from supernet.pipeline.files import Findings, write_results
from supernet.pipeline.folder import GENOTYPE, require_run
from supernet.pipeline.fusion import choose_fusion
from supernet.pipeline.kept import Kept
from supernet.pipeline.protocol import PROTOCOLS, check_run
from supernet.pipeline.recipes import Recipes, origin, read_recipes
from supernet.pipeline.results import Result
from supernet.pipeline.stages import KNOWN, LEARNT, load_data, space_of
from supernet.pipeline.tables import beyond_tables
from supernet.pipeline.texts import load_beside
from supernet.pipeline.verdict import judge, warn
from supernet.pipeline.yardstick import Yardstick
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
    check_run(run, config.protocol)
    genotype = Genotype.load(folder / GENOTYPE)
    taken = None if config.recipes is None else read_recipes(Path(config.recipes), run, genotype.hash)
    device = set_up(**arguments(config.runtime))
    data = load_data(run, published=config.protocol == "paper")
    log = open_log(folder / "derive.log")
    log.info(PROTOCOLS[config.protocol])
    write_text(folder / "derive.yaml", composed)
    sealed = data.without("test")
    beside = load_beside(run, sealed, run.space.relations, log, probe=False)
    bench = Bench(sealed, run, config, device, beside)
    journal = folder / "tuning.journal"
    contenders = choose(bench, genotype, taken, journal, log)
    kept = Kept(
        folder, [origin(run), run.model, run.eval, run.graph, config.protocol, config.refit, config.top]
    )
    if taken is None and config.protocol == "strict" and config.fuse and not run.eval.cold:
        contenders[0] = with_fusion(bench, contenders[0], kept, journal, log)
    config = beside_its_closed_form(config, contenders[0])
    bench = replace(bench, derive=config)
    contenders += ablations(contenders[0], space_of(run.space)) if config.ablate else []
    outcomes = retrain(bench, contenders, kept, log)
    outcomes |= closed_forms(bench, taken, kept, journal, log)
    parts = KNOWN if config.refit else LEARNT
    others = {} if data.cold is None else baseline_lists(run, sealed, beside, parts, bench.depth)
    yardstick = Yardstick.of(data, run.eval.ks)
    results = open_test(yardstick, contenders, outcomes, config)
    verdict = judge(results, run.eval.metric)
    cold = open_cold(data, contenders, outcomes, others, run.eval)
    tag = "test" if config.protocol == "strict" else f"test_{config.protocol}"
    with Board(folder / "tensorboard") as board:
        board.text("protocol", PROTOCOLS[config.protocol])
        board.text("cohorts", beyond_tables(results, yardstick, run.eval.metric))
        for result in results:
            board.scalars(0, {f"{tag}/{m}/{result.name}": value for m, value in result.means().items()})
    genotype.refined(contenders[0].choices).save(folder / "derived.json")
    derived = outcomes[DERIVED][0]
    found = Findings(data, run, config, genotype, results, verdict, yardstick, derived, cold)
    write_results(folder, found)
    warn(verdict, log)
    kept.drop()
    return folder


def with_fusion(
    bench: Bench, contender: Contender, kept: Kept, journal: Path, log: logging.Logger
) -> Contender:
    """The contender with the fusion that the valid part asks for, and with derive.epochs_once its epochs."""
    what = [_design(contender), contender.recipe, bench.derive.fuse, bench.derive.tuning, bench.derive.seeds]
    made = kept.get("fusion", what, lambda: choose_fusion(bench, contender, journal, log))
    fusion = Fusion(**made.settings) if made.settings else None
    note = f"{contender.note}; fused with {fusion.name}, share {fusion.share}" if fusion else contender.note
    once = bench.derive.epochs_once and bench.derive.refit and not contender.epochs
    epochs = made.epochs if once else contender.epochs
    return replace(contender, fusion=fusion, fusion_seconds=made.seconds, note=note, epochs=epochs)


def beside_its_closed_form(config: DeriveConfig, contender: Contender) -> DeriveConfig:
    """The config with the closed form that the contender is fused with among the baselines: a fused model is
    to beat both that it is made of."""
    fusion = contender.fusion
    if fusion is None or fusion.name in config.baselines:
        return config
    return replace(config, baselines=[*config.baselines, fusion.name])


def retrain(bench: Bench, contenders: list[Contender], kept: Kept, log: logging.Logger) -> Outcomes:
    """Train every contender once a seed, random designs and what is far behind with the first seed alone.

    With derive.epochs_once the epochs that the first seed chose serve the others, which are refitted alone.
    """
    outcomes: Outcomes = {}
    jobs = [(c, bench.derive.seeds[: 1 if c.once else None]) for c in contenders]
    with bar("retraining", total=sum(len(seeds) for _, seeds in jobs)) as progress:
        for contender, seeds in jobs:
            outcomes[contender.name] = []
            for seed in seeds:
                trained = _retrained(bench, contender, seed, kept)
                outcomes[contender.name].append(trained)
                valid = "fixed" if contender.epochs else f"valid {trained.valid:.4f}"
                done = f"{trained.epochs} epochs, {valid}, {trained.seconds:.1f} s"
                log.info("%s seed %d: %s", contender.name, seed, trained.failure or done)
                progress.advance()
                progress.status(f"{contender.name} seed {seed}")
                if bench.derive.epochs_once and bench.derive.refit and not trained.failure:
                    contender = replace(contender, epochs=trained.epochs)
                if far_behind(contender, contenders, trained, bench.derive.once_below):
                    log.info("%s: far behind on valid; the other seeds are left out", contender.name)
                    progress.advance(len(seeds) - len(outcomes[contender.name]))
                    break
    return outcomes


def far_behind(contender: Contender, contenders: list[Contender], first: Trained, share: float) -> bool:
    """Whether a baseline's valid score, of its tuning or else of its first training, is below this share of
    the best that any tuning came to."""
    best = max((c.tuned.score for c in contenders if c.tuned is not None), default=0.0)
    score = first.valid if contender.tuned is None else contender.tuned.score
    return contender.name != DERIVED and 0.0 < score < share * best


def _retrained(bench: Bench, contender: Contender, seed: int, kept: Kept) -> Trained:
    what = [_design(contender), contender.recipe, contender.epochs, contender.fusion, seed]
    first = contender.name == DERIVED and seed == bench.derive.seeds[0]

    def make() -> Trained:
        trained = bench.retrain(contender, seed)
        if first:
            _save_model(trained, kept.folder.parent)
        return trained

    return kept.get(f"{contender.name}-{seed}", what, make)


def closed_forms(
    bench: Bench, taken: Recipes | None, kept: Kept, journal: Path, log: logging.Logger
) -> Outcomes:
    """Fit every baseline without training once, its settings chosen on valid or taken over."""
    outcomes: Outcomes = {}
    for name in bench.derive.baselines:
        if name in BASELINES:
            given = None if taken is None else taken.settings(name)

            def make(name: str = name, given: dict[str, Any] | None = given) -> Trained:
                return bench.closed_form(name, given, journal, log)

            outcomes[name] = [kept.get(name, [bench.derive.tuning, given], make)]
            log.info("%s: %.1f s", name, outcomes[name][0].seconds)
    return outcomes


def open_test(
    yardstick: Yardstick,
    contenders: list[Contender],
    outcomes: Mapping[str, list[Trained]],
    config: DeriveConfig,
) -> list[Result]:
    """Look at the test part, once, after every choice has been made."""
    few = {name for name, trained in outcomes.items() if len(trained) < len(config.seeds)}
    by_name = {c.name: with_first_seed(c) if c.name in few else c for c in contenders}
    order = [DERIVED, *config.baselines]
    rows = [Result.of(name, by_name.get(name), outcomes[name], yardstick) for name in order]
    drawn = [name for name in outcomes if name not in order and is_rival(name)]
    if drawn:
        several = [Result.of(name, by_name[name], outcomes[name], yardstick) for name in drawn]
        rows.append(Result.mean(f"random (mean of {len(drawn)})", several))
    if outcomes[DERIVED][0].alone is not None:
        network = replace(by_name[DERIVED], fusion=None, fusion_seconds=0.0, note="without its fusion")
        alone = [replace(t, lists=t.alone) for t in outcomes[DERIVED] if t.alone is not None]
        rows.append(Result.of(NETWORK, network, alone, yardstick))
    own = [name for name in outcomes if name != DERIVED and not is_rival(name)]
    rows += [Result.of(name, by_name[name], outcomes[name], yardstick) for name in own]
    return rows


def _design(contender: Contender) -> list[object]:
    return [contender.space.fingerprint(), contender.space.layers, contender.space.relations]


def _save_model(trained: Trained, folder: Path) -> None:
    if trained.model is not None:
        with atomic_path(folder / "derived.pt") as temporary:
            torch.save(trained.model.state_dict(), temporary)
