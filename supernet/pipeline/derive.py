"""derive.py: genotype → derived model → tuning → retraining → evaluation, on a finished run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from supernet.config import DeriveConfig, TrainConfig, arguments, check_packages
from supernet.pipeline.ablation import ablations
from supernet.pipeline.bench import Bench
from supernet.pipeline.choices import choose, with_first_seed
from supernet.pipeline.cold_baselines import baseline_lists
from supernet.pipeline.cold_results import open_cold
from supernet.pipeline.contenders import DERIVED, NETWORK, RULED, Contender, Fusion, Trained, is_rival
from supernet.pipeline.files import Findings, write_results
from supernet.pipeline.finetuning import finetune_texts, with_tuned_texts
from supernet.pipeline.folder import GENOTYPE, require_run
from supernet.pipeline.fusion import choose_fusion
from supernet.pipeline.inputs import check_inputs
from supernet.pipeline.kept import Kept
from supernet.pipeline.protocol import PROTOCOLS, check_run
from supernet.pipeline.rechosen import rechosen
from supernet.pipeline.recipes import Recipes, origin, read_recipes, write_recipes
from supernet.pipeline.results import Result
from supernet.pipeline.retraining import chosen_epochs, closed_forms, design, retrain
from supernet.pipeline.ruled import bound_rules, new_rules
from supernet.pipeline.stages import KNOWN, LEARNT, load_data, space_of
from supernet.pipeline.tables import beyond_tables
from supernet.pipeline.texts import load_beside
from supernet.pipeline.transfer import derived_start, fitted
from supernet.pipeline.tuned import check_fields
from supernet.pipeline.verdict import judge, warn
from supernet.pipeline.yardstick import Yardstick
from supernet.report.board import Board
from supernet.runtime import InputError, open_log, set_up, write_text
from supernet.space import Genotype


def run_derive(config: DeriveConfig, run: TrainConfig, composed: str) -> Path:
    """Derive, tune, retrain, evaluate; write the result files into the run folder and return it.

    With derive.open_test=false it ends before the models are retrained: recipes.json says what was chosen.
    """
    folder = Path(config.run)
    require_run(folder)
    if (folder / "metrics.json").exists():
        raise InputError(
            f"{folder / 'metrics.json'}: this run was derived already, and its test part is opened once; "
            "read results.md, or search anew (to compare settings of derive.py, copy the folder first)"
        )
    check_run(run, config.protocol)
    check_fields(config, run)
    check_packages(run.text.views)
    check_inputs(folder, run)
    genotype = Genotype.load(folder / GENOTYPE)
    device = set_up(**arguments(config.runtime))
    if config.select not in (None, run.search.select):
        genotype = rechosen(folder, run, config.select, device, open_log(folder / "derive.log"))
    taken = None if config.recipes is None else read_recipes(Path(config.recipes), run, genotype.hash)
    data = load_data(run, published=config.protocol == "paper")
    start, lines = derived_start(config, run, genotype.designs()[: config.designs], data.user_ids)
    log = open_log(folder / "derive.log")
    for line in (PROTOCOLS[config.protocol], *lines):
        log.info(line)
    write_text(folder / "derive.yaml", composed)
    sealed = data.without("test")
    beside = load_beside(run, sealed, run.space.relations, device, log, probe=False)
    rules = bound_rules(config, sealed, log)
    start = fitted(start, beside.views, log)
    beside, text_seconds = finetune_texts(beside, run, config, sealed, device, log)
    of_new = new_rules(rules, sealed, config.top)
    bench = Bench(sealed, run, config, device, beside, rules, start, of_new)
    journal, kept = folder / "tuning.journal", kept_of(bench, folder)
    bench, contenders = all_contenders(bench, genotype, taken, kept, text_seconds, journal, log)
    config = bench.derive
    if not config.open_test:
        bench = replace(bench, derive=replace(config, refit=False, seeds=config.seeds[:1]))
        chosen = chosen_epochs(bench, contenders, kept_of(bench, folder), log)
        chosen |= closed_forms(bench, taken, kept_of(bench, folder), journal, log)
        path = write_recipes(folder, run, genotype.hash, contenders, chosen)
        log.info("the test part stays closed; what was chosen is in %s", path)
        return folder
    outcomes = retrain(bench, contenders, kept, log)
    outcomes |= closed_forms(bench, taken, kept, journal, log)
    parts = KNOWN if config.refit else LEARNT
    others = {} if data.cold is None else baseline_lists(run, sealed, beside, parts, bench.depth)
    yardstick = Yardstick.of(data, run.eval.ks)
    results = open_test(yardstick, contenders, outcomes, config)
    verdict = judge(results, run.eval.metric)
    cold = open_cold(data, contenders, outcomes, others, run.eval)
    show_results(folder, config.protocol, results, beyond_tables(results, yardstick, run.eval.metric))
    genotype.refined(contenders[0].choices).save(folder / "derived.json")
    derived = outcomes[DERIVED][0]
    found = Findings(data, run, config, genotype, results, verdict, yardstick, derived, rules, cold)
    write_results(folder, found)
    warn(verdict, log)
    kept.drop()
    return folder


def kept_of(bench: Bench, folder: Path) -> Kept:
    """The outcomes of earlier starts on the run in `folder`, by all that every training depends on."""
    run, config = bench.run, bench.derive
    same: list[object] = [origin(run), run.model, run.eval, run.graph]
    same += [config.protocol, config.refit, config.top, config.finetune]
    same += [] if config.finetune.text == "none" else [config.seeds[0]]
    same += [] if bench.start is None else [bench.start.digest, config.init]
    return Kept(folder, same)


def all_contenders(
    bench: Bench,
    genotype: Genotype,
    taken: Recipes | None,
    kept: Kept,
    text_seconds: float,
    journal: Path,
    log: logging.Logger,
) -> tuple[Bench, list[Contender]]:
    """Every model to train, the derived one first with its fusion, and the bench with the closed form that it
    is fused with among the baselines. text_seconds: of fine-tuning the texts."""
    config = bench.derive
    derived, *others = choose(bench, genotype, taken, journal, log)
    if config.select is not None:
        derived = replace(derived, note=f"{derived.note}; chosen by select={config.select}")
    if bench.start is not None:
        derived = replace(derived, note=f"{derived.note}; begun with {Path(str(config.init_from)).name}")
    if config.fuse and bench.run.eval.cold:
        log.info("fuse: left out, as validation looks at new nodes, which a closed form cannot score")
    elif taken is None and config.protocol == "strict" and config.fuse:
        derived = with_fusion(bench, derived, kept, journal, log)
    derived = with_tuned_texts(derived, config, text_seconds)
    own = ablations(derived, space_of(bench.run.space), log) if config.ablate else []
    return replace(bench, derive=beside_its_closed_form(config, derived)), [derived, *others, *own]


def show_results(folder: Path, protocol: str, results: Sequence[Result], cohorts: str) -> None:
    """The test part's means in TensorBoard, with the flag of the protocol."""
    tag = "test" if protocol == "strict" else f"test_{protocol}"
    with Board(folder / "tensorboard") as board:
        board.text("protocol", PROTOCOLS[protocol])
        board.text("cohorts", cohorts)
        for result in results:
            board.scalars(0, {f"{tag}/{m}/{result.name}": value for m, value in result.means().items()})


def with_fusion(
    bench: Bench, contender: Contender, kept: Kept, journal: Path, log: logging.Logger
) -> Contender:
    """The contender with the fusion that the valid part asks for, and with derive.epochs_once its epochs."""
    what = [design(contender), contender.recipe, bench.derive.fuse, bench.derive.tuning, bench.derive.seeds]
    what += [bench.derive.untuned] if bench.derive.untuned else []
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
    if any(t.ruled is not None for t in outcomes[DERIVED]):
        ruled = [t if t.ruled is None else replace(t, lists=t.ruled) for t in outcomes[DERIVED]]
        rows.insert(1, Result.of(RULED, by_name[DERIVED], ruled, yardstick))
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
