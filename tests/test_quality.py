"""What the benchmarks of whole runs go on with, report again, and refuse; and what quality.py is run with."""

import json

import pytest
from omegaconf import OmegaConf

from benchmarks import command, quality
from benchmarks.command import derive, run_folder, search
from benchmarks.quality_models import LARGE, TRAINED, baselines, listed, tuning
from benchmarks.same_run import composed
from supernet.config import validate_derive
from supernet.config.load import typed
from supernet.pipeline.fusion import EASE_ITEMS

WORDS = ("experiment=lastfm", "data.path=lastfm", "search.epochs=2", "loss=bsl")
OF_DERIVE = ("baselines=[pop,'lightgcn(1)']", "seeds=[0,1]", "+tuning.space.item_norm={low: 0.5, high: 1.0}")


@pytest.fixture
def ran(monkeypatch):
    """The command lines that would have been run."""
    found = []
    monkeypatch.setattr(command, "run", lambda script, *words: found.append([script, *words]))
    return found


@pytest.fixture
def begun(tmp_path):
    """The folder of a search that was begun with WORDS."""
    text = OmegaConf.to_yaml(composed("train", [*WORDS, f"run={tmp_path}"]))
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_search_is_gone_on_with_by_the_same_words_alone(begun, ran):
    search(begun, *WORDS)
    assert ran == [["train.py", f"resume={begun}"]]
    (begun / "genotype.json").touch()
    search(begun, *WORDS)
    assert len(ran) == 1, "it has ended"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model.dim=32",), "model.dim is 64 there, 32 here"),
        (("data.path=gowalla",), "data.path is"),
        (("loss=bpr",), "loss.name is 'bsl' there, 'bpr' here"),
        (("experiment=gowalla",), "training.lr is"),
        (("search.epochs=5",), "search.epochs is 2 there, 5 here"),
        (("+space.aggregate_of.cooccurrence=[sum]",), "space.aggregate_of is {} there"),
        (("runtime.threads=7",), "runtime.threads is"),
        (("model.dimension=32",), "dimension"),
    ],
)
def test_other_words_are_not_lost_on_a_folder_that_holds_another_search(words, message, begun, ran):
    (begun / "genotype.json").touch()
    with pytest.raises(SystemExit, match=message) as refused:
        search(begun, *WORDS, *words)
    assert "config.yaml" in str(refused.value) or "train.py" in str(refused.value)
    assert not ran


def test_a_word_of_a_search_that_goes_on_is_missed_where_it_is_left_out(begun, ran):
    with pytest.raises(SystemExit, match=r"search\.epochs is 2 there, 20 here"):
        search(begun, "experiment=lastfm", "data.path=lastfm", "loss=bsl")


def test_the_machine_and_keys_of_later_releases_do_not_make_another_search(begun, ran):
    path = begun / "config.yaml"
    text = path.read_text(encoding="utf-8")
    for line, other in (("  snapshot: mixture\n", ""), ("  threads: 0\n", "  threads: 5\n")):
        assert line in text
        text = text.replace(line, other)
    path.write_text(text, encoding="utf-8")
    search(begun, *WORDS)
    assert len(ran) == 1
    with pytest.raises(SystemExit, match=r"search\.snapshot is absent there, 'mixture' here"):
        search(begun, *WORDS, "search.snapshot=mixture")


def test_a_finished_derivation_is_reported_and_not_run_again(tmp_path, ran):
    derive(tmp_path, *OF_DERIVE)
    assert ran == [["derive.py", f"run={tmp_path}", *OF_DERIVE]]
    (tmp_path / "derive.yaml").write_text(OmegaConf.to_yaml(composed("derive", [*OF_DERIVE, "run=x"])))
    (tmp_path / "metrics.json").touch()
    derive(tmp_path, *OF_DERIVE)
    assert len(ran) == 1
    for other in (
        "seeds=[0]",
        "+tuning.space.correction={choices: [0.0]}",
        "+tuning.space.item_norm={low: 0}",
    ):
        with pytest.raises(SystemExit, match=r"derive\.yaml: this run is another.*(seeds|tuning\.space) is"):
            derive(tmp_path, *OF_DERIVE, other)
    assert len(ran) == 1


def test_quality_tells_a_derivation_that_was_killed_before_its_lines(begun, ran, monkeypatch, capsys):
    """Killed between derive.py and the report: the lines are told at the next start, without derive.py."""
    model = {"metrics": {"ndcg@20": [0.5]}, "beyond": {}, "cohorts": {}, "seconds": 1.0, "epochs": [3]}
    model |= {"note": "", "recipe": None}
    found = {"models": {"derived": model}, "search_seconds": 2.0, "holm_p": {}, "seeds": [0], "genotype": "g"}
    found |= {"verdict": "So.", "derived_ahead": True, "derived_wins": False, "beaten_by": []}
    monkeypatch.setattr(quality, "sizes", lambda folder: (10, 10))
    monkeypatch.setattr(quality, "source", lambda name: list(WORDS))
    monkeypatch.setattr(quality, "add_results", lambda path, lines, keep: print(json.dumps(lines)))
    monkeypatch.setattr("sys.argv", ["quality.py", "data=lastfm", f"run={begun}", "seeds=0"])
    (begun / "genotype.json").touch()
    quality.main()
    ((script, _, *words),) = ran
    assert script == "derive.py"
    (begun / "derive.yaml").write_text(OmegaConf.to_yaml(composed("derive", [*words, "run=x"])))
    (begun / "metrics.json").write_text(json.dumps(found))
    quality.main()
    assert len(ran) == 1
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == [
        "quality/lastfm/derived",
        "quality/lastfm/verdict",
    ]


def test_the_small_form_has_a_folder_of_its_own():
    found = [str(run_folder({"run": "", "quick": quick}, "quality-a")) for quick in ("false", "true")]
    assert found == ["runs/quality-a", "runs/quality-a-quick"]
    assert str(run_folder({"run": "there", "quick": "true"}, "quality-a")) == "there"


def test_a_paper_folder_of_another_search_is_refused(tmp_path):
    strict, paper = tmp_path / "q", tmp_path / "q-paper"
    for folder, genotype in ((strict, "new"), (paper, "old")):
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps({"genotype": genotype}))
    with pytest.raises(SystemExit, match=r"genotype is old, and new in"):
        quality.copied(strict, paper)
    (paper / "metrics.json").write_text(json.dumps({"genotype": "new"}))
    assert quality.copied(strict, paper) == strict / "metrics.json"


@pytest.mark.parametrize(
    ("data", "users", "items", "bounds"),
    [
        ("ml-100k", 943, 1_682, set()),
        ("lastfm", LARGE - 100, 100, {"space"}),
        ("ml-1m", LARGE, 1, {"seconds"}),
        ("gowalla", 1_000, EASE_ITEMS + 1, {"space", "seconds", "ease"}),
    ],
)
def test_what_is_tuned_is_bounded_by_the_size_of_the_data(data, users, items, bounds):
    words = [f"baselines={listed(baselines(users, items))}", *tuning(data, users, items)]
    config = typed(composed("derive", [*words, "run=x"]))
    validate_derive(config)
    assert set(TRAINED) | {"ease"} <= set(config.baselines)
    assert set(config.tune) == {"derived", *TRAINED}
    assert ("lightgcn_bpr" in config.baselines) == ("seconds" not in bounds)
    assert config.tuning.seconds == (600 if "seconds" in bounds else None)
    assert config.untuned == (["ease"] if "ease" in bounds else [])
    assert ("correction" in config.tuning.space) == ("space" in bounds)
    freed = typed(composed("derive", [*words, "run=x", "tuning.seconds=null", "untuned=[]"]))
    assert (freed.tuning.seconds, freed.untuned) == (None, []), "the caller's words win"
