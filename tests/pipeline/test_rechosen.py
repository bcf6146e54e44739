"""derive.py select=…: another selection rule on the supernet of a finished search, without a new search."""

import json
import logging
import shutil

import pytest
import torch

from supernet.config import load_train_config
from supernet.pipeline import judging
from supernet.pipeline.rechosen import rechosen
from supernet.runtime import InputError
from supernet.space import Genotype

from .conftest import command, data_of

LOG = logging.getLogger(__name__)
CPU = torch.device("cpu")


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.mark.parametrize("rule", ["perturbation", "sampled"])
def test_the_design_is_that_of_a_search_with_the_rule(rule, copied, clicks, small, tmp_path):
    before = (copied / "genotype.json").read_bytes()
    own = rechosen(copied, load_train_config(copied), rule, CPU, LOG)
    anew = tmp_path / "other"
    result = command("train.py", *data_of(clicks), *small, f"run={anew}", f"search.select={rule}")
    assert result.returncode == 0, result.stderr
    other = Genotype.load(anew / "genotype.json")
    assert (own.choices, own.runners_up, own.mixture) == (other.choices, other.runners_up, other.mixture)
    assert Genotype.load(copied / f"select-{rule}" / "genotype.json") == own
    assert (copied / "genotype.json").read_bytes() == before


def test_trainings_of_the_search_and_of_a_killed_start_are_not_run_again(copied, monkeypatch):
    def lines(folder):
        return (copied / folder / "selection.jsonl").read_text().splitlines()

    run, searched = load_train_config(copied), lines(".")
    whole = rechosen(copied, run, "rescored", CPU, LOG)
    trained = lines("select-rescored")
    assert trained[: len(searched)] == searched
    assert len(trained) > len(searched)
    (copied / "select-rescored" / "genotype.json").unlink()  # as of a start that was killed at its last step

    def never(*args, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr(judging, "train_model", never)
    again = rechosen(copied, run, "rescored", CPU, LOG)
    assert (again.choices, again.runners_up) == (whole.choices, whole.runners_up)
    assert again.metrics["seconds"] == pytest.approx(whole.metrics["seconds"], rel=0.2)


def test_the_chosen_design_is_derived_and_told(copied):
    run = load_train_config(copied)
    own = rechosen(copied, run, "perturbation", CPU, LOG)
    searched = Genotype.load(copied / "genotype.json")
    assert own.hash != searched.hash, "the two rules differ on this search, so that the test can tell them"
    result = command("derive.py", f"run={copied}", "select=perturbation", "tuning.trials=0", "seeds=[0]",
                     "baselines=[pop]", "random_genotypes=0", "fuse=[]", "ablate=false",
                     "runtime.threads=1")  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads((copied / "metrics.json").read_text())
    assert report["genotype"] == own.hash
    assert report["models"]["derived"]["note"].endswith("chosen by select=perturbation")
    assert Genotype.load(copied / "derived.json").choices == own.choices


def test_the_rule_of_the_search_itself_changes_nothing(copied):
    result = command("derive.py", f"run={copied}", "select=screened", "tuning.trials=0", "open_test=false",
                     "baselines=[pop]", "random_genotypes=0", "fuse=[]", "ablate=false",
                     "runtime.threads=1")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert not (copied / "select-screened").exists()


def test_an_unknown_rule_is_refused(copied):
    result = command("derive.py", f"run={copied}", "select=best")
    assert result.returncode == 2
    for word in ("select", "'best'", "argmax", "screened"):
        assert word in result.stderr


def test_without_its_supernet_a_run_cannot_choose_anew(copied):
    (copied / "checkpoint.pt").unlink()
    with pytest.raises(InputError, match=r"checkpoint\.pt: no such file; select=argmax"):
        rechosen(copied, load_train_config(copied), "argmax", CPU, LOG)


def test_a_strategy_has_no_mixture_to_choose_from(clicks, small_strategy, tmp_path):
    run = tmp_path / "run"
    result = command("train.py", *data_of(clicks), *small_strategy, f"run={run}", "search=trained_random",
                     "search.budget=3")  # fmt: skip
    assert result.returncode == 0, result.stderr
    result = command("derive.py", f"run={run}", "select=argmax")
    assert result.returncode == 2
    assert "search.strategy=random" in result.stderr
    assert not (run / "select-argmax").exists()
