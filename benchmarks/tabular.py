"""The tabular benchmark: every design of conf/space/tabular.yaml trained by itself.

    python benchmarks/tabular.py data=ml-100k|lastfm [out=FOLDER] [part=K/N] [--quick]
    python benchmarks/tabular.py compile out=FOLDER

Each design is trained with every temperature × lr of GRID, seed 0, on train + alpha, stopped by valid; then
with seeds 1 and 2 at the recipe that ranked best on valid. The test score of each training is written down:
searches are judged by it, and do not see it. One JSON line a training, in out (runs/tabular); what stands
there, or in the table of the package, is not trained again. part=K/N: every N-th design from the K-th on, for
processes side by side. compile writes supernet/search/tabular.parquet.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import torch
from hydra import compose, initialize_config_dir

from benchmarks.quality import source
from supernet.config import TrainConfig, conf_folder, register_schemas, typed
from supernet.evaluation.metrics import evaluate
from supernet.evaluation.ranking import top_items
from supernet.pipeline.bench import LEARNT
from supernet.pipeline.stages import graph_of, load_data, recipe_of, score_of, space_of, train_model
from supernet.runtime import keep_memory
from supernet.search.tabular import FILE, SPACE, Training, load_tables, save_tables
from supernet.space import SearchSpace, identity_of

GRID = {
    "ml-100k": ((0.1, 0.2, 0.35), (0.004, 0.012)),
    "lastfm": ((0.15, 0.25, 0.4), (0.004, 0.012)),
}
"""Temperatures and learning rates by data set."""

OVERRIDES = (f"space={SPACE}", "model.dim=32", "training.epochs=30", "training.patience=3")
BATCH = {"ml-100k": 4096, "lastfm": 2048}
SEEDS = (0, 1, 2)
K = 20


def main() -> None:
    """Train what is missing, or compile."""
    words = dict(word.partition("=")[::2] for word in sys.argv[1:])
    out = Path(words.get("out") or "runs/tabular")
    out.mkdir(parents=True, exist_ok=True)
    if "compile" in words:
        rows = list(known_of(out, "*").values())
        save_tables(sorted(rows, key=lambda row: (row.data, row.hash, row.seed, row.temperature, row.lr)))
        print(json.dumps({"rows": len(rows), "designs": len({(r.data, r.hash) for r in rows})}))
        return
    torch.set_num_threads(1)
    keep_memory()
    name, quick = words["data"], "--quick" in words
    own, _, parts = words.get("part", "0/1").partition("/")
    path = out / f"{name}-{own}.jsonl"
    runner = Runner(name, quick)
    known = known_of(out, name)
    designs = enumerate(designs_of(runner.space).items())
    mine = [(key, choices) for place, (key, choices) in designs if place % int(parts) == int(own)]
    with path.open("a", encoding="utf-8") as file:
        for key, choices in mine[: 2 if quick else None]:

            def trained(temperature: float, lr: float, seed: int, key=key, choices=choices) -> Training:
                if (name, key, temperature, lr, seed) in known:
                    return known[name, key, temperature, lr, seed]
                row = runner.train(key, choices, temperature, lr, seed)
                line = json.dumps(asdict(row))
                print(line, file=file, flush=True)
                print(line, flush=True)
                return row

            temperatures, rates = GRID[name]
            rows = [trained(t, lr, SEEDS[0]) for t in temperatures for lr in rates]
            best = max(rows, key=lambda row: row.valid)
            for seed in SEEDS[1:]:
                trained(best.temperature, best.lr, seed)


def known_of(out: Path, name: str) -> dict[tuple, Training]:
    """The trainings of a data set that were done before, by what they depend on."""
    tables = load_tables().values() if FILE.is_file() else []
    rows = [row for table in tables for rows in table.trainings.values() for row in rows]
    rows += [row for path in sorted(out.glob(f"{name}-*.jsonl")) for row in read(path)]
    return {(row.data, row.hash, row.temperature, row.lr, row.seed): row for row in rows}


def designs_of(space: SearchSpace) -> dict[str, dict[str, str]]:
    """Hash → choices of all designs that compute different things, in the order of the space."""
    identity, found = identity_of(space), {}
    for number in range(space.size()):
        choices = {}
        for slot, names in space.candidates().items():
            number, k = divmod(number, len(names))
            choices[slot] = names[k]
        found.setdefault(identity(choices), choices)
    return found


class Runner:
    """The data set, its graph, and one training after the other on them."""

    def __init__(self, name: str, quick: bool) -> None:
        register_schemas()
        more = ("training.epochs=2",) if quick else ()
        with initialize_config_dir(str(conf_folder().resolve()), version_base=None):
            overrides = [*source(name), *OVERRIDES, *more, f"training.batch_size={BATCH[name]}"]
            self.config: TrainConfig = typed(compose("train", overrides=overrides))
        self.name, self.space = name, space_of(self.config.space)
        self.data, self.device = load_data(self.config), torch.device("cpu")
        self.graph = graph_of(self.data, LEARNT, self.config.ops.backend, self.device)
        self.test, self.seen = self.data.user_items(["test"]), self.data.user_items([*LEARNT, "valid"])
        self.users = (self.test.counts > 0).nonzero().flatten()

    def train(self, key: str, choices: dict[str, str], temperature: float, lr: float, seed: int) -> Training:
        """One training; a diverged one has the scores 0."""
        recipe = replace(recipe_of(self.config), temperature=temperature, lr=lr)
        fixed, sealed = self.space.fixed(choices), self.data.without("test")
        what = (self.config, sealed, fixed, recipe, seed, self.graph, self.device)
        try:
            model, fitted = train_model(*what, parts=LEARNT)
        except FloatingPointError:
            return Training(self.name, key, json.dumps(choices), temperature, lr, seed, 0, 0, 0, 0, 0, 0)
        with torch.no_grad():
            score = score_of(model, model(self.graph), recipe.item_norm)
        top = top_items(score, self.users, self.seen, K)
        means = evaluate(top, self.users, self.test, self.data.n_items, ks=(K,)).means()
        size = sum(parameter.numel() for parameter in model.weights())
        scores = fitted.best_score, means[f"ndcg@{K}"], means[f"recall@{K}"]
        return Training(
            self.name, key, json.dumps(choices), temperature, lr, seed, *scores,
            fitted.best_epoch, fitted.seconds, size,
        )  # fmt: skip


def read(path: Path) -> list[Training]:
    """The trainings in a file; a line that was cut off is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith(os.linesep):
        path.write_text("".join(lines[:-1]), encoding="utf-8")
        lines = lines[:-1]
    return [Training(**json.loads(line)) for line in lines]


if __name__ == "__main__":
    main()
