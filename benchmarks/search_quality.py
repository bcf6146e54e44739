"""Search quality: every method of search judged by the tabular benchmark.

    python benchmarks/search_quality.py data=ml-100k|lastfm [seeds=10] [only=NAME,NAME] [out=FOLDER] [--quick]
    python benchmarks/search_quality.py strategies [seeds=100] [only=NAME,NAME] [model=NAME]
    python benchmarks/search_quality.py tables out=FOLDER

The first form runs searches for real, on the space of the table, and looks the chosen design up: regret (how
far its test score is below the best design's), rank, seconds of the search, beside random search on the table
at as many and at three times as many seconds. The supernet of each seed is asked for the score of every
design: Kendall's tau-b with the trained scores, discretisation gap, agreement of seeds. The second form runs
the strategies on the table alone; the adviser among them where `model` of $OPENAI_BASE_URL is given (`python
-m tests.chat` is a stand-in that answers by a rule). One JSON line a method and seed, in out
(runs/search_quality); what stands there is not run again. The third form writes
benchmarks/results/search_quality.jsonl and prints its tables.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from scipy import stats

from benchmarks import measure
from benchmarks.quality import source
from benchmarks.search_tables import write_tables
from benchmarks.table_search import on_the_table, random_regrets
from benchmarks.tabular import BATCH, OVERRIDES, designs_of
from supernet.config import TrainConfig, conf_folder, register_schemas, typed
from supernet.pipeline.embeddings import start_from_embeddings
from supernet.pipeline.judging import trials_of
from supernet.pipeline.stages import graph_of, load_data, make_model, ranker, recipe_of, score_of, space_of
from supernet.runtime import keep_memory
from supernet.search.costs import measure_costs
from supernet.search.explore import Budget, explore
from supernet.search.loop import Search
from supernet.search.selection import SELECTIONS, halving
from supernet.search.settings import ADVISOR, BILEVEL
from supernet.search.strategies import STRATEGIES
from supernet.search.tabular import Table, load_tables
from supernet.space import identity_of

METHODS: dict[str, tuple[str, ...]] = {
    "default": (),
    "argmax": ("search.select=argmax",),
    "perturbation": ("search.select=perturbation",),
    "greedy": ("search.select=greedy",),
    "sampled": ("search.select=sampled",),
    "three temperatures": ("search.select_temperatures=[0.6,1.0,1.6]",),
    "gumbel": ("search.alpha_noise=gumbel",),
    "single path": ("search.cost=sampled",),
    "sparsemax": ("search.relaxation=sparsemax",),
    "top2": ("search.relaxation=top2",),
    "sigmoid": ("search.relaxation=sigmoid", "search.zero_one=1.0"),
    "joint": ("search.order=joint",),
    "finite difference": ("search.order=finite_difference",),
    "neumann": ("search.order=neumann",),
    "learned temperature": ("search.alpha_temperature=learned",),
    "contrastive": ("search.objective=contrastive",),
    "frozen embeddings": ("search.freeze=embeddings",),
    "cost aware": ("search.cost_weight=0.5",),
    "shrinking": ("search.shrink_at=[4,6]",),
    "no warm-up": ("search.warmup=0",),
    "idle penalty": ("search.idle=1.0",),
    "beta": ("search.beta=0.5",),
    "auxiliary skip": ("search.auxiliary_skip=0.5",),
    "alpha noise": ("search.alpha_noise=normal", "search.alpha_noise_scale=0.3"),
    "output norm": ("search.norm=output",),
    "eigenvalue stop": ("search.eigenvalue_every=1", "search.eigenvalue_stop=0.75"),
    "snapshot": ("search.snapshot=true",),
    "supernet random": ("search.strategy=random",),
    "supernet evolution": ("search.strategy=evolution",),
    "supernet tpe": ("search.strategy=tpe",),
    "supernet reinforce": ("search.strategy=reinforce",),
}
"""Name → what is changed of the default search."""

RULES = ("argmax", "perturbation", "greedy", "sampled")
"""Selection rules that are tried on the supernet of the default search, which is not trained again."""

TIMES = (1, 3)
"""Random search gets so many times the seconds of a search."""


def main() -> None:
    """One of the three forms."""
    words = dict(word.partition("=")[::2] for word in sys.argv[1:])
    out = Path(words.get("out") or "runs/search_quality")
    out.mkdir(parents=True, exist_ok=True)
    if "tables" in words:
        write_tables(out, measure.ROOT / "benchmarks")
        return
    torch.set_num_threads(1)
    keep_memory()
    tables = load_tables()
    if "strategies" in words:
        able = [name for name in STRATEGIES if name != ADVISOR or words.get("model")]
        names = words["only"].split(",") if words.get("only") else able
        for name in tables:
            for row in on_the_table(tables[name], int(words.get("seeds") or 100), names, words.get("model")):
                print(json.dumps(row), flush=True)
        return
    name = words["data"]
    only = words["only"].split(",") if words.get("only") else list(METHODS)
    path = out / f"{name}.jsonl"
    known = {(row["method"], row["seed"]) for row in read(path)}
    with path.open("a", encoding="utf-8") as file:
        for seed in range(int(words.get("seeds") or 10)):
            for method in only:
                if (method, seed) in known:
                    continue
                for row in run(name, method, seed, tables[name], "--quick" in words):
                    line = json.dumps(row)
                    print(line, file=file, flush=True)
                    print(line, flush=True)


class Lab:
    """A data set with the config of a method: what train.py would search with."""

    def __init__(self, name: str, overrides: tuple[str, ...], seed: int) -> None:
        register_schemas()
        with initialize_config_dir(str(conf_folder().resolve()), version_base=None):
            same = [*source(name), *OVERRIDES, f"training.batch_size={BATCH[name]}"]
            more = [*same, f"seed={seed}", *overrides]
            self.config: TrainConfig = typed(compose("train", overrides=more))
        # the data of all seeds is cut as the table's, by seed 0
        data_config = typed_seed(self.config, 0)
        self.space, self.device = space_of(self.config.space), torch.device("cpu")
        self.data = load_data(data_config).without("test")
        self.graph = graph_of(self.data, ["train"], self.config.ops.backend, self.device)
        self.identity = identity_of(self.space)

    def search(self) -> Search:
        """A fresh search of the config's seed."""
        config = self.config
        model = make_model(self.space, self.graph, config.model.dim, config.seed, self.device)
        if config.search.freeze == "embeddings":
            start_from_embeddings(model, config, self.data, self.graph, Quiet())
        costs = None
        if config.search.cost_weight:
            costs = measure_costs(model, self.graph)
        generator = torch.Generator().manual_seed(config.seed)
        return Search(model, self.graph, self.data, recipe_of(config), config.search, generator, costs)


def typed_seed(config: TrainConfig, seed: int) -> TrainConfig:
    """The config with another seed."""
    return replace(config, seed=seed)


def run(name: str, method: str, seed: int, table: Table, quick: bool) -> Iterator[dict]:
    """One search; of the default method also the selection rules, and what its supernet says of all
    designs."""
    lab = Lab(name, METHODS[method], seed)
    settings = lab.config.search
    if quick:
        settings.epochs, settings.warmup, settings.select_steps, settings.select_pool = 2, 1, 5, 4
    search, rank = lab.search(), ranker(lab.config, lab.data)
    item_norm = search.recipe.item_norm
    start = time.perf_counter()
    mixture = search.run(lambda v, w: rank(score_of(search.model, v, item_norm, w)))
    trained = time.perf_counter() - start
    trials = trials_of(search, lab.config, lab.data, Quiet())
    start = time.perf_counter()
    if settings.strategy == BILEVEL:
        designs = SELECTIONS[settings.select](lab.space, mixture, trials)
    else:
        strategy = STRATEGIES[settings.strategy](lab.space, torch.Generator().manual_seed(seed))
        rows = explore(
            strategy, lambda c: trials.inherited(lab.space, c), lab.identity, Budget(settings.budget)
        )
        best = sorted(rows, key=lambda row: -row.score)
        pool = list({lab.identity(row.choices): row.choices for row in best}.values())
        designs = halving(pool[: settings.select_pool], trials, settings.select_steps)
    seconds = trained + time.perf_counter() - start
    yield judged(name, method, seed, table, lab.identity(designs[0]), seconds, search)
    if method == "default":
        for rule in RULES:
            start = time.perf_counter()
            design = SELECTIONS[rule](lab.space, mixture, trials)[0]
            spent = trained + time.perf_counter() - start
            yield judged(name, f"rule {rule}", seed, table, lab.identity(design), spent, search)
    if method in ("default", "supernet random"):
        yield ranked(name, method, seed, table, lab, search, trials)


def judged(name: str, method: str, seed: int, table: Table, key: str, seconds: float, search: Search) -> dict:
    """What the table says of the chosen design, and of random search at TIMES its seconds."""
    draws = {f"random_{times}": random_regrets(table, times * seconds, seed) for times in TIMES}
    last = search.history[-1]
    return {
        "kind": "method",
        "data": name,
        "method": method,
        "seed": seed,
        "hash": key,
        "choices": dict(table.choices(key)),
        "regret": table.regret(key),
        "rank": table.rank(key),
        "valid": table.valid(key),
        "test": table.test(key),
        "seconds": seconds,
        "gap": last["gap"],
        "mixture_score": last["score"],
        "derived_score": last["derived_score"],
        "entropy": last["entropy"],
        "eigenvalue": last["eigenvalue"],
        "mixture": last["mixture"],
        "epochs": [{key: e[key] for key in ("alpha_loss", "score", "derived_score")} for e in search.history],
    } | {key: statistics.fmean(values) for key, values in draws.items()}


def ranked(name: str, method: str, seed: int, table: Table, lab: Lab, search: Search, trials) -> dict:
    """Kendall's tau-b between the supernet's score of every design and its trained ones."""
    start = time.perf_counter()
    designs = {key: choices for key, choices in designs_of(lab.space).items() if key in table.trainings}
    inherited = [trials.inherited(lab.space, choices) for choices in designs.values()]
    seconds = time.perf_counter() - start
    valid, test = ([of(key) for key in designs] for of in (table.valid, table.test))
    top = np.argsort(valid)[-max(2, len(valid) // 4) :]
    return {
        "kind": "ranking",
        "data": name,
        "method": method,
        "seed": seed,
        "tau_valid": tau(inherited, valid),
        "tau_test": tau(inherited, test),
        "tau_top": tau([inherited[k] for k in top], [valid[k] for k in top]),
        "designs": len(designs),
        "seconds": seconds,
        "inherited": inherited,
    }


def tau(a: list[float], b: list[float]) -> float:
    """Kendall's tau-b; 0 where one is constant."""
    value = float(stats.kendalltau(a, b).statistic)
    return 0.0 if value != value else value


class Quiet:
    """A log that says nothing."""

    def info(self, *_: object) -> None:
        """Nothing."""


def read(path: Path) -> list[dict]:
    """The lines of a file; a last one that was cut off is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        path.write_text("".join(lines[:-1]), encoding="utf-8")
        lines = lines[:-1]
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
