"""train.py as a process: what a run folder holds, and that killing and resuming changes nothing."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from supernet.config import TrainConfig
from supernet.config.data_schemas import LightgcnData, TableData
from supernet.pipeline.inputs import input_files
from supernet.report.searched import read_config, what_was_searched
from supernet.space import Genotype

from .conftest import ROOT, command, data_of


def test_a_run_folder_holds_everything(finished):
    names = {path.name for path in finished.iterdir()}
    files = {"config.yaml", "versions.json", "train.log", "checkpoint.pt", "settled.pt", "inputs.json"}
    assert names >= files | {
        "genotype.json",
        "tensorboard",
        "genotype.png",
        "genotype.svg",
        "mixture.png",
        "diagnostics.png",
    }
    assert not [name for name in names if name.startswith(".")], "a temporary file was left behind"
    assert json.loads((finished / "versions.json").read_text())["torch"] == torch.__version__


def test_the_genotype_says_where_it_comes_from(finished):
    genotype = Genotype.load(finished / "genotype.json")
    assert genotype.seed == 0
    assert genotype.metrics["valid/ndcg@20"] > 0
    for slot, weights in genotype.mixture.items():
        assert sum(weights.values()) == pytest.approx(1, abs=1e-5)
        assert genotype.choices[slot] in weights


def test_tensorboard_has_both_levels_and_every_mixture(finished):
    events = EventAccumulator(str(finished / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    scalars = set(tags["scalars"])
    assert scalars >= {"loss/train", "loss/alpha", "valid/ndcg@20", "search/entropy", "search/temperature",
                       "time/seconds_per_step", "search/gap", "valid/coverage", "valid/derived"}  # fmt: skip
    slots = Genotype.load(finished / "genotype.json").mixture
    assert {f"smoothing/{name}/layer{k}" for name in ("energy", "cosine") for k in range(3)} <= scalars
    kinds = {slot.partition("/")[2] for slot in slots if slot.startswith("layer2/")}
    assert {f"alpha_cosine/{kind}" for kind in kinds} <= scalars
    sized = {tag.split("/")[-2] for tag in scalars if tag.startswith("size/")}
    assert sized == {"activation", "aggregate", "convolve", "readout"}
    assert len(events.Scalars("loss/alpha")) < len(events.Scalars("loss/train")), "none in the warm-up"
    assert [event.step for event in events.Scalars("loss/train")] == [1, 2, 3, 4]
    genotype = Genotype.load(finished / "genotype.json")
    taken = json.loads((finished / "search.json").read_text())["taken"]
    for slot, weights in genotype.mixture.items():
        assert f"alpha_gradient/{slot}" in scalars
        for name, weight in weights.items():
            assert events.Scalars(f"mixture/{slot}/{name}")[taken - 1].value == pytest.approx(
                weight, abs=1e-6
            )
    assert set(tags["images"]) == {"genotype", "mixture over epochs", "diagnostics"}


def test_the_folder_holds_what_the_report_tells_of_candidates_and_settings(finished):
    search, genotype = (
        json.loads((finished / f"{name}.json").read_text()) for name in ("search", "genotype")
    )
    assert search["changed"]["alpha_batch_size"] == [32, 2048]
    assert {key: search["changed"][key] for key in ("epochs", "warmup")} == {
        "epochs": [4, 8],
        "warmup": [1, 2],
    }
    told = what_was_searched(read_config(finished), search, genotype)
    for words in (
        "<td>every convolve (4 slots)</td>",
        "softmax, temperature 1 to 0.5, geometric",
        "4, 1 of warm-up",
        "softmax at temperature 0.2, lr 0.005, batches of 64, dim 8",
        "search.alpha_batch_size=32 (default 2048)",
    ):
        assert words in told
    assert "search.epochs" not in told, "it has a line of its own"


@pytest.mark.parametrize("epoch", [0, 2], ids=["in the first epoch", "later"])
def test_killing_and_resuming_equals_never_stopping(finished, clicks, small, tmp_path, epoch):
    folder = tmp_path / "killed"
    overrides = [*data_of(clicks), *small, f"run={folder}", "search.checkpoint_every=1"]
    kill_at_epoch(folder, overrides, epoch)
    assert not (folder / "genotype.json").exists(), (
        "the run ended before it was killed: the test shows nothing"
    )
    result = command("train.py", f"resume={folder}")
    assert result.returncode == 0, result.stderr
    assert "going on at epoch" in result.stderr
    ours, theirs = (torch.load(f / "checkpoint.pt", weights_only=True) for f in (folder, finished))
    assert ours["model"].keys() == theirs["model"].keys()
    for name, tensor in theirs["model"].items():
        assert torch.equal(ours["model"][name], tensor), name
    for name in ("train_loss", "alpha_loss", "score", "mixture"):
        assert [record[name] for record in ours["history"]] == [record[name] for record in theirs["history"]]
    assert (
        Genotype.load(folder / "genotype.json").choices == Genotype.load(finished / "genotype.json").choices
    )


def kill_at_epoch(folder, overrides, epoch):
    """train.py with the overrides, killed once the checkpoint in `folder` is of this epoch."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *overrides],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        _wait_for_epoch(folder / "checkpoint.pt", epoch, process)
        process.send_signal(signal.SIGKILL)


def _wait_for_epoch(path, epoch, process):
    for _ in range(6000):
        if path.exists() and torch.load(path, weights_only=True)["epoch"] >= epoch:
            return
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.005)
    raise AssertionError("no checkpoint after 30 s")


@pytest.mark.parametrize("script", ["train.py", "derive.py"])
def test_a_run_whose_files_have_changed_is_refused(finished, clicks, tmp_path, script):
    """Its outcomes, trials and numbers of users and items are of other data."""
    folder, own = tmp_path / "run", tmp_path / "data"
    shutil.copytree(finished, folder)
    shutil.copytree(clicks.parent, own)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace(str(clicks.parent), str(own)))
    line = [f"resume={folder}"] if script == "train.py" else [f"run={folder}", "tuning.trials=0", "tune=[]"]
    (own / clicks.name).write_text((own / clicks.name).read_text() + "u000,i-1\n")
    result = command(script, *line)
    assert result.returncode == 2
    assert f"data.path: {own / clicks.name} has changed since the run in {folder} began" in result.stderr
    assert not (folder / "tuning.journal").exists()
    (own / clicks.name).unlink()
    result = command(script, *line)
    assert result.returncode == 2
    assert "is gone since" in result.stderr


def test_the_table_of_items_counts_where_texts_are_read(tmp_path):
    for name in ("clicks.csv", "titles.csv", "items.tsv", "train.txt", "a.item", "image.npy"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub").mkdir()
    data = TableData(path=str(tmp_path / "clicks.csv"), items_path=str(tmp_path / "titles.csv"))
    config = TrainConfig(data=data)
    assert [key for key, _ in input_files(config)] == ["data.path"]
    config.text.views = {"own": {"encoder": "vectors", "path": str(tmp_path / "image.npy")}}
    assert [key for key, _ in input_files(config)] == ["data.path", "data.items_path", "text.views.own.path"]
    folder = TrainConfig(data=LightgcnData(path=str(tmp_path)))
    names = ["clicks.csv", "image.npy", "titles.csv", "train.txt"]
    assert [key for key, _ in input_files(folder)] == [f"data.path/{name}" for name in names]
    folder.text.views = config.text.views
    assert {"data.path/items.tsv", "data.path/a.item"} < {key for key, _ in input_files(folder)}


def test_a_damaged_checkpoint_is_one_message(finished, tmp_path):
    folder = tmp_path / "damaged"
    folder.mkdir()
    for name in ("config.yaml", "checkpoint.pt"):
        (folder / name).write_bytes((finished / name).read_bytes())
    (folder / "checkpoint.pt").write_bytes(b"nothing of use")
    result = command("train.py", f"resume={folder}")
    assert result.returncode == 2
    assert "cannot go on from this checkpoint" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["search.epocs=3"], ["did you mean epochs", "checkpoint_every"]),
        (["space=smal"], ["Available options in 'space'", "small"]),
        (["search=3"], ["override must be a string"]),
        (["data=table", "data.path=missing.csv"], ["missing.csv", "no such file"]),
        (["space=lightgcn"], ["nothing to search", "space=small"]),
        (["space.aggregate=[sym,foo]"], ["layer1/user/interactions/aggregate", "'foo'", "attention"]),
        (["space.relations=[interactions,friend]"], ["space.relations", "'friend'", "cooccurrence"]),
        (["space.relations=[interactions,trust]"], ["'trust' has no edges", "graph.trust_path"]),
        (
            ["space.relations=[interactions,trust]", "graph.trust_path=no.tsv"],
            ["graph.trust_path=", "no.tsv: no such file; give graph.trust_path=<table of user, friend>"],
        ),
        (
            ["loss=ccl", "loss.temperature=0.05"],
            ["loss.temperature=0.05 is read where loss.name=softmax|bsl"],
        ),
        (["graph.neighbours=0"], ["graph.neighbours must be more than 0, found 0"]),
        (["runtime.device=cuda:99"], ["cuda:99", "auto"]),
        (["resume=nowhere"], ["nowhere", "not a run folder"]),
    ],
    ids=lambda value: value[0],
)
def test_wrong_input_is_one_message_and_exit_code_2(overrides, words, tmp_path):
    result = command("train.py", *overrides, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert not list(tmp_path.iterdir()), "something was half-written"


def test_bad_rows_name_file_line_field_and_value(tmp_path):
    path = tmp_path / "clicks.csv"
    path.write_text("user,item,stars\na,x,5\nb,y,many\n", encoding="utf-8")
    result = command("train.py", "data=table", f"data.path={path}", "data.rating=stars", cwd=tmp_path)
    assert result.returncode == 2
    for word in (str(path), "line 3", "stars", "many"):
        assert word in result.stderr


def test_a_run_folder_in_use_is_not_overwritten(finished):
    before = (finished / "genotype.json").read_bytes()
    result = command("train.py", f"run={finished}")
    assert result.returncode == 2
    assert "not empty" in result.stderr
    assert (finished / "genotype.json").read_bytes() == before


@pytest.mark.slow
def test_multirun_makes_one_run_for_each_seed(clicks, small, tmp_path):
    overrides = [*data_of(clicks), *small, "search.epochs=1", "search.warmup=0"]
    result = command("train.py", "-m", *overrides, "seed=0,1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    folders = [
        line.removeprefix("run folder: ") for line in result.stdout.splitlines() if "run folder" in line
    ]
    assert sorted(Genotype.load(tmp_path / f / "genotype.json").seed for f in folders) == [0, 1]


def test_help_names_groups_and_examples():
    result = command("train.py", "--help")
    assert result.returncode == 0
    for word in ("data=lightgcn", "space: ", "resume=", "temperature_start"):
        assert word in result.stdout


def test_planted_data_is_searched_from_the_command_line(small, tmp_path):
    space = [
        "space.layers=1",
        "space.convolve=[light]",
        "space.activation=[identity]",
        "space.readout=[last]",
    ]
    loss = [o for o in small if not o.startswith(("search", "model"))]
    result = command("train.py", "data=planted", *loss, *space, "search.select=argmax", "search.epochs=8",
                     "search.warmup=2", "search.alpha_lr=0.05", "space.aggregate=[none,sum,mean,sym,max]",
                     f"run={tmp_path / 'run'}")  # fmt: skip
    assert result.returncode == 0, result.stderr
    choices = Genotype.load(tmp_path / "run" / "genotype.json").choices
    assert {choices[f"layer1/{side}/interactions/aggregate"] for side in ("user", "item")} == {"sym"}
