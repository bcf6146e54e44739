"""init_from on both command lines: what is taken, exact resume, a source that changed, what is refused."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from supernet.space import Genotype

from .conftest import command, data_of, write_clicks
from .test_search_run import kill_at_epoch

FEW = ["tuning.trials=1", "baselines=[pop,lightgcn]", "random_genotypes=0", "seeds=[0]", "fuse=[]",
       "runtime.threads=1"]  # fmt: skip
USER = "features.user.ids.weight"


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    """Other clicks of the same users and twenty more."""
    return write_clicks(tmp_path_factory.mktemp("other") / "other.csv", seed=1, users=80)


@pytest.fixture(scope="module")
def begun(finished, domain, small, tmp_path_factory):
    """A search that began with `finished`."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    result = command("train.py", *data_of(domain), *small, f"run={folder}", f"init_from={finished}")
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture(scope="module")
def derived(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("derived") / "source"
    shutil.copytree(finished, folder)
    result = command("derive.py", f"run={folder}", *FEW)
    assert result.returncode == 0, result.stderr
    return folder


def test_what_was_taken_is_told_and_kept(begun, finished):
    folder, result = begun
    told = json.loads((folder / "init.json").read_text())
    parent = Genotype.load(finished / "genotype.json")
    for line in (
        "alphas of 13 of 13 open slots, times 1",
        "users: 60 of 80 by id, for example u000; the other 20 begin anew",
        "its genotype is judged with the known designs",
        "text projectors: none",
    ):
        assert line in told["taken"]
        assert f"init_from={finished}: {line}" in result.stderr
    assert told["version"] == 1
    assert told["genotype"] == parent.hash == Genotype.load(folder / "genotype.json").parent
    design = ", ".join(name for slot, name in parent.choices.items() if slot in parent.mixture)
    judged = [line for line in result.stderr.splitlines() if line.startswith("selection: 10 steps")]
    assert any(line.endswith(f": {design}") for line in judged)


def test_the_first_mixture_is_the_sources(begun, finished, domain, small, tmp_path):
    taken = torch.load(finished / "checkpoint.pt", weights_only=True)["peak"]["alphas"]
    # in the warm-up the alphas do not move, and the temperature is that of the start, 1
    records = torch.load(begun[0] / "checkpoint.pt", weights_only=True)["history"]
    for slot, mixture in records[0]["mixture"].items():
        torch.testing.assert_close(torch.tensor(mixture), taken[slot].softmax(0))
    assert max(float(alpha.abs().max()) for alpha in taken.values()) > 0.01


@pytest.mark.parametrize("epoch", [0, 2], ids=["in the first epoch", "later"])
def test_killing_and_resuming_equals_never_stopping(begun, finished, domain, small, tmp_path, epoch):
    folder = tmp_path / "killed"
    overrides = [
        *data_of(domain),
        *small,
        f"run={folder}",
        f"init_from={finished}",
        "search.checkpoint_every=1",
    ]
    kill_at_epoch(folder, overrides, epoch)
    assert not (folder / "genotype.json").exists(), "the run ended before it was killed"
    if epoch == 0:
        (folder / "checkpoint.pt").unlink()  # as if it had died before the first: all is taken again
    result = command("train.py", f"resume={folder}")
    assert result.returncode == 0, result.stderr
    ours, theirs = (torch.load(f / "checkpoint.pt", weights_only=True) for f in (folder, begun[0]))
    for name, tensor in theirs["model"].items():
        assert torch.equal(ours["model"][name], tensor), name
    ours, theirs = (Genotype.load(f / "genotype.json") for f in (folder, begun[0]))
    assert (ours.choices, ours.runners_up, ours.parent) == (theirs.choices, theirs.runners_up, theirs.parent)


def test_a_source_that_has_changed_is_refused(begun, finished, tmp_path):
    source, folder = tmp_path / "source", tmp_path / "run"
    shutil.copytree(finished, source)
    shutil.copytree(begun[0], folder)
    for name in ("genotype.json", "checkpoint.pt", "settled.pt"):
        (folder / name).unlink(missing_ok=True)
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace(str(finished), str(source)))
    state = torch.load(source / "checkpoint.pt", weights_only=True)
    state["model"][USER][0, 0] += 1
    torch.save(state, source / "checkpoint.pt")
    result = command("train.py", f"resume={folder}")
    assert result.returncode == 2
    assert f"init_from={source}: its files have changed since this run began" in result.stderr
    (folder / "init.json").unlink()
    assert "does not tell what the run began with" in command("train.py", f"resume={folder}").stderr


def test_a_derived_model_begins_with_anothers_users(begun, derived, tmp_path):
    runs = [tmp_path / name for name in ("nothing", "init", "again")]
    for folder in runs:
        shutil.copytree(begun[0], folder)
    init = [f"init_from={derived}"]
    for folder, more in zip(runs, ([], init, init), strict=True):
        result = command("derive.py", f"run={folder}", *FEW, *more)
        assert result.returncode == 0, result.stderr
    assert f"init_from={derived}: users: 60 of 80 by id" in result.stderr
    assert f"init_from={derived}: its design is among those that tuning chooses from" in result.stderr
    nothing, first, again = (json.loads((folder / "metrics.json").read_text()) for folder in runs)
    assert (nothing["init_from"], first["init_from"]) == (None, str(derived))
    assert "begun with source" in first["models"]["derived"]["note"]
    assert "begun" not in first["models"]["lightgcn"]["note"] + nothing["models"]["derived"]["note"]
    metrics = [report["models"] for report in (nothing, first, again)]
    assert metrics[1]["derived"]["metrics"] == metrics[2]["derived"]["metrics"]
    assert metrics[0]["lightgcn"]["metrics"] == metrics[1]["lightgcn"]["metrics"], "baselines begin anew"
    weights = [torch.load(folder / "derived.pt", weights_only=True) for folder in runs[:2]]
    assert not torch.equal(*(state[USER] for state in weights))


def test_trainings_of_another_start_do_not_count(begun, derived, tmp_path):
    """A stopped derive.py with init_from leaves outcomes that one from nothing does not take for its own."""
    folder = tmp_path / "run"
    shutil.copytree(begun[0], folder)
    assert command("derive.py", f"run={folder}", *FEW).returncode == 0
    alone = json.loads((folder / "metrics.json").read_text())["models"]
    (folder / "metrics.json").unlink()
    assert command("derive.py", f"run={folder}", *FEW, f"init_from={derived}").returncode == 0
    journal = (folder / "tuning.journal").read_text()
    assert len({word for word in journal.split('"') if word.startswith("derived-")}) == 2
    assert len({word for word in journal.split('"') if word.startswith("lightgcn-")}) == 1
    assert json.loads((folder / "metrics.json").read_text())["models"]["pop"] != alone["derived"]


def test_a_model_without_tuning_chooses_among_no_other_design(begun, derived, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(begun[0], folder)
    few = [*FEW, "tuning.trials=0", "open_test=false", f"init_from={derived}"]
    result = command("derive.py", f"run={folder}", *few)
    assert result.returncode == 0, result.stderr
    assert f"init_from={derived}: its design is not judged: tuning.trials=0" in result.stderr


def test_a_snapshot_hands_on_the_alphas_of_its_epoch(domain, finished, small, clicks, tmp_path):
    source, folder = tmp_path / "source", tmp_path / "run"
    snapshot = [*small, "search.snapshot=design", "search.select=argmax", "search.alpha_lr=0.1"]
    assert command("train.py", *data_of(clicks), *snapshot, f"run={source}").returncode == 0
    kept = torch.load(source / "checkpoint.pt", weights_only=True)["best"]
    result = command("train.py", *data_of(domain), *small, f"run={folder}", f"init_from={source}",
                     "init.alphas=2.0", "search.select=argmax")  # fmt: skip
    assert result.returncode == 0, result.stderr
    first = torch.load(folder / "checkpoint.pt", weights_only=True)["history"][0]["mixture"]
    for slot, mixture in first.items():
        torch.testing.assert_close(torch.tensor(mixture), (2 * kept["alphas"][slot]).softmax(0))
    assert "its genotype is not judged: search.select=argmax" in result.stderr


def test_trainings_anew_begin_with_no_weights_of_the_source(domain, finished, small_strategy, tmp_path):
    more = ["search=trained_random", "search.budget=1", "search.select_pool=1", "search.select_steps=2"]
    folder = tmp_path / "run"
    result = command(
        "train.py", *data_of(domain), *small_strategy, *more, f"run={folder}", f"init_from={finished}"
    )
    assert result.returncode == 0, result.stderr
    assert "no weights: search.evaluate=trained trains every design anew" in result.stderr
    assert "users: " not in (folder / "init.json").read_text()


def test_a_strategy_judges_the_sources_design_last(domain, finished, small_strategy, tmp_path):
    more = ["search.strategy=random", "search.budget=3", "search.select_pool=2", "search.explain=false"]
    folder = tmp_path / "run"
    result = command(
        "train.py", *data_of(domain), *small_strategy, *more, f"run={folder}", f"init_from={finished}"
    )
    assert result.returncode == 0, result.stderr
    assert "alphas of 0 of 13 open slots" in result.stderr, "paths are drawn uniformly"
    parent = Genotype.load(finished / "genotype.json")
    design = ", ".join(name for slot, name in parent.choices.items() if slot in parent.mixture)
    assert [line for line in result.stderr.splitlines() if line.startswith("selection") and design in line]


def write_vectors(path, width):
    """One a community, and noise."""
    noise = 0.05 * np.random.default_rng(0).standard_normal((40, width))
    rows = (np.eye(width)[np.arange(40) % 4] + noise).tolist()
    pq.write_table(pa.table({"item": [f"i-{k}" for k in range(40)], "vector": rows}), path)
    return ["text=vectors", f"text.views.own.path={path}", "text.probe=false",
            "space.features=[id,'sum:own']"]  # fmt: skip


def test_users_and_projectors_are_there_to_the_bit(clicks, domain, small, tmp_path):
    """Weights that hardly move end where they began: at the source's, and else where they are drawn."""
    source, still = tmp_path / "source", [*small, "training.lr=1e-12", "init.norm=kept"]
    view = write_vectors(tmp_path / "four.parquet", 4)
    assert command("train.py", *data_of(clicks), *small, *view, f"run={source}").returncode == 0
    there = torch.load(source / "settled.pt", weights_only=True)["model"]
    found = {}
    for width in (4, 5):
        view = write_vectors(tmp_path / f"{width}.parquet", width)
        folder = tmp_path / f"run{width}"
        result = command("train.py", *data_of(domain), *still, *view, f"run={folder}", f"init_from={source}")
        assert result.returncode == 0, result.stderr
        found[width] = torch.load(folder / "checkpoint.pt", weights_only=True)["model"]
        taken = json.loads((folder / "init.json").read_text())["taken"]
        assert "text projectors: own" in taken
        lost = "view own: its vectors have another width there"
        assert (lost in taken, f"init_from={source}: {lost}" in result.stderr) == (width == 5, width == 5)
    rows, theirs = (pq.read_table(f / "users.parquet")["user"].to_pylist() for f in (folder, source))
    both = [(k, theirs.index(name)) for k, name in enumerate(rows) if name in theirs]
    assert len(both) == 60
    here, other = map(list, zip(*both, strict=True))
    torch.testing.assert_close(found[4][USER][here], there[USER][other], rtol=0, atol=1e-7)
    new = sorted(set(range(80)) - set(here))
    assert float(found[4][USER][new].square().mean().sqrt()) == pytest.approx(0.02, rel=0.2), "drawn"
    for side in ("user", "item"):
        key = f"features.{side}.projectors.own.weights.0"
        torch.testing.assert_close(found[4][key], there[key], rtol=0, atol=1e-7)
        assert len(found[5][key]) == 5


ELSEWHERE = ["space.layers=1", "space.aggregate=[unit,max]", "space.convolve=[sage,gin]",
             "space.activation=[elu,leaky_relu]", "space.readout=[concat]", "init.users=false"]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["init_from=nowhere"], ["init_from=", "nowhere", "no such folder"]),
        (["init_from={half}"], ["genotype.json: no such file", "the search has not ended"]),
        (["init_from={old}"], ["field 'version' is 1; this release reads version 2"]),
        (["init_from={before}"], ["users.parquet: no such file", "init.users=false"]),
        (["init_from={damaged}"], ["checkpoint.pt: cannot be read"]),
        (["init_from={source}", *ELSEWHERE], ["nothing to transfer", "alphas of 0 of"]),
        (["init_from={source}", "init.norm=long"], ["init.norm: unknown name 'long'", "initial, kept"]),
        (["init_from={source}", "init.alphas=-1"], ["init.alphas must be at least 0, found -1"]),
        (["init.alphas=0.5"], ["init says what init_from=RUN gives", "set both or neither"]),
        (
            ["init_from={source}", "search.freeze=embeddings"],
            ["search.freeze=embeddings", "init.users=false"],
        ),
    ],
    ids=lambda value: value[0].strip("{}"),
)
def test_wrong_sources_are_one_message_and_leave_nothing(overrides, words, finished, domain, small, tmp_path):
    sources = {name: tmp_path / name for name in ("source", "half", "old", "before", "damaged")}
    for folder in sources.values():
        shutil.copytree(finished, folder)
    (sources["half"] / "genotype.json").unlink()
    (sources["before"] / "users.parquet").unlink()
    (sources["damaged"] / "checkpoint.pt").write_bytes(b"nothing of use")
    raw = json.loads((sources["old"] / "genotype.json").read_text())
    (sources["old"] / "genotype.json").write_text(json.dumps(raw | {"version": 1}))
    given = [word.format(**sources) if word.startswith("init_from") else word for word in overrides]
    run = tmp_path / "run"
    result = command("train.py", *data_of(domain), *small, f"run={run}", *given, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert not run.exists()


def test_a_run_that_was_not_derived_gives_no_derived_model(begun, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(begun[0], folder)
    result = command("derive.py", f"run={folder}", *FEW, f"init_from={finished}")
    assert result.returncode == 2
    assert "derived.json: no such file; the run has not been derived" in result.stderr
    assert not (folder / "metrics.json").exists()
