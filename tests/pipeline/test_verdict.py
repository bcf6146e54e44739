"""Who wins, and who is named: on fabricated results, where the answer is known."""

import json
import math
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from supernet.config import load_space
from supernet.evaluation.metrics import PerUser
from supernet.pipeline.contenders import NETWORK, Contender, Trained
from supernet.pipeline.results import Result
from supernet.pipeline.stages import recipe_of, space_of
from supernet.pipeline.verdict import judge, warn
from supernet.runtime import open_log
from tests.pipeline.test_choices import compose

USERS = 300


def model(name, shift, seeds=2, noise=0.02, seeded=True, spread=0.0, **more):
    """Per-user values around a mean that all models share, `shift` above it; spread: all users
    of a seed are that much higher or, of every other seed, lower."""
    base = 0.3 + 0.1 * np.random.default_rng(0).random(USERS)
    measured = []
    for seed in range(seeds):
        generator = np.random.default_rng([seed, *name.encode()])
        drawn, common = generator.standard_normal(USERS), spread * (-1) ** seed
        values = {"ndcg@20": torch.from_numpy(base + shift + common + noise * drawn)}
        measured.append(PerUser(torch.arange(USERS), values, {"coverage@20": 0.5}))
    metrics = {"ndcg@20": [m.means()["ndcg@20"] for m in measured]}
    return Result(name, metrics, tuple(measured), 1.0, "", {}, [1] * seeds, seeded=seeded, **more)


def test_every_model_that_is_better_beyond_noise_is_named_with_its_gap():
    results = [model("derived", 0.0), model("close", 0.0005), model("ease", 0.05), model("knn", 0.02)]
    verdict = judge([*results, model("pop", -0.1)], "ndcg@20")
    assert [defeat.model for defeat in verdict.beaten_by] == ["ease", "knn"]
    for defeat, gap in zip(verdict.beaten_by, (0.05, 0.02), strict=True):
        assert defeat.difference == pytest.approx(-gap, abs=0.003)
        assert defeat.low < defeat.difference < defeat.high < 0
        assert defeat.relative == pytest.approx(defeat.difference / defeat.model_mean)
        assert defeat.holm_p == verdict.corrected[defeat.model] < 0.05
    assert not verdict.wins
    assert not verdict.significant
    assert "does NOT win: it is significantly behind" in verdict.sentence
    json.dumps([asdict(defeat) for defeat in verdict.beaten_by], allow_nan=False)


def test_the_warning_has_name_gap_interval_and_p():
    verdict = judge([model("derived", 0.0), model("ease", 0.05)], "ndcg@20")
    defeat = verdict.beaten_by[0]
    for word in ("ease beats the derived model", f"{defeat.model_mean:.4f} against {defeat.derived_mean:.4f}",
                 f"{defeat.difference:+.4f} ({defeat.relative:+.1%})",
                 f"{defeat.low:+.4f} … {defeat.high:+.4f}", "Holm p ="):  # fmt: skip
        assert word in defeat.sentence


def test_noise_is_no_defeat():
    verdict = judge([model("derived", 0.0), model("other", 0.0)], "ndcg@20")
    assert verdict.beaten_by == []
    assert not verdict.significant


def test_a_clear_win_names_nobody():
    verdict = judge([model("derived", 0.05), model("other", 0.0), model("pop", -0.1)], "ndcg@20")
    assert verdict.significant
    assert verdict.beaten_by == []
    assert "wins significantly" in verdict.sentence


def test_a_win_is_one_over_every_other():
    """The best other is left behind beyond noise; one with a lower mean and few, scattered users is not."""
    noisy = model("noisy", 0.0, seeds=1, noise=3.0)
    results = [model("derived", 0.05), model("other", 0.04, noise=0.001)]
    assert judge(results, "ndcg@20").significant
    verdict = judge([*results, noisy], "ndcg@20")
    assert verdict.wins
    assert verdict.comparisons["noisy"].mean_b < verdict.comparisons["other"].mean_b
    assert verdict.corrected["other"] < 0.05 < verdict.corrected["noisy"]
    assert not verdict.significant
    assert "ahead, but NOT beyond noise of noisy: ndcg@20" in verdict.sentence
    assert "of other, the best other" in verdict.sentence


def test_a_fused_model_is_also_told_without_its_fusion():
    """Fused it wins against all; its network alone is behind mf, and no closed form is in that test."""
    results = [model("derived", 0.05), model("ease", 0.03, seeded=False), model("mf", 0.02), model("gat", 0)]
    verdict = judge([*results, model(NETWORK, 0.0)], "ndcg@20")
    assert verdict.significant
    assert list(verdict.network) == list(verdict.network_p) == ["mf", "gat"]
    assert verdict.network["mf"].difference == pytest.approx(-0.02, abs=0.003)
    assert verdict.network_p["mf"] < 1e-6
    for word in (
        "Its network alone",
        "of mf, the best trained other",
        f"Holm p = {verdict.network_p['mf']:.2g}",
    ):
        assert word in verdict.sentence
    assert judge(results, "ndcg@20").network == {}


def test_a_better_model_whose_p_does_not_survive_holm_is_not_named():
    """p of the one is below .05 and above .05 / 40: beside 40 models without a difference it is noise."""
    derived, other = model("derived", 0.0, seeds=6), model("other", 0.0024, seeds=6)
    alone = judge([derived, other], "ndcg@20")
    assert 0.05 / 40 < alone.corrected["other"] < 0.05
    assert [defeat.model for defeat in alone.beaten_by] == ["other"]
    many = judge([derived, other, *(model(f"m{i}", 0.0) for i in range(40))], "ndcg@20")
    assert many.beaten_by == []


def test_without_others_there_is_nothing_to_judge():
    verdict = judge([model("derived", 0.0)], "ndcg@20")
    assert (verdict.comparisons, verdict.beaten_by, verdict.significant) == ({}, [], False)
    assert not math.isnan(sum(verdict.corrected.values()))


def test_the_loser_is_told_on_the_screen_and_in_the_log(tmp_path, capsys):
    warn(judge([model("derived", 0.0), model("ease", 0.05)], "ndcg@20"), open_log(tmp_path / "derive.log"))
    assert capsys.readouterr().err.startswith("WARNING: ease beats the derived model beyond noise: ndcg@20")
    assert "WARNING ease beats the derived model" in (tmp_path / "derive.log").read_text()


def test_differences_seed_by_seed_stand_beside_the_test_over_users():
    derived, other = model("derived", 0.01, seeds=3), model("other", 0.0, seeds=3)
    verdict = judge(
        [derived, other, model("once", 0.0, seeds=1), model("pop", 0, 1, seeded=False)], "ndcg@20"
    )
    ours = derived.metrics["ndcg@20"]
    for name, theirs in (
        ("other", other.metrics["ndcg@20"]),
        ("pop", model("pop", 0, 1).metrics["ndcg@20"] * 3),
    ):
        found = verdict.seeds[name]
        assert found.differences == [a - b for a, b in zip(ours, theirs, strict=True)]
        assert found.mean == pytest.approx(verdict.comparisons[name].difference)
        assert found.sd == pytest.approx(np.std(found.differences, ddof=1))
    once = verdict.seeds["once"]  # trained with the first seed alone
    assert once.differences == [ours[0] - model("once", 0.0, seeds=1).metrics["ndcg@20"][0]]
    assert once.sd is None


def test_a_lead_within_the_noise_of_the_training_seed_is_no_win():
    """Over users alone it is far beyond noise: all users of a seed share what its training drew."""
    results = [model("derived", 0.01, spread=0.02), model("other", 0.0, spread=0.02)]
    verdict = judge(results, "ndcg@20")
    found, seeds = verdict.comparisons["other"], verdict.seeds["other"]
    assert found.low > 0
    assert verdict.corrected["other"] < 1e-6
    assert seeds.low < 0 < seeds.high
    assert verdict.wins
    assert not verdict.significant
    assert f"over seeds too {seeds.low:+.4f} … {seeds.high:+.4f}" in verdict.sentence
    behind = judge([model("derived", 0.0, spread=0.02), model("other", 0.01, spread=0.02)], "ndcg@20")
    assert behind.comparisons["other"].high < 0
    assert behind.beaten_by == []
    assert "NOT win: it is behind other" in behind.sentence


def test_a_lead_beyond_the_noise_of_the_seed_is_a_win():
    results = [model("derived", 0.05, 5, spread=0.002), model("other", 0.0, 5, spread=0.002)]
    assert judge(results, "ndcg@20").significant


def test_of_one_seed_nothing_is_known_and_the_sentence_says_so():
    verdict = judge([model("derived", 0.05, 1), model("other", 0.0, 1)], "ndcg@20")
    assert verdict.significant
    assert verdict.seeds["other"].low is None
    assert "one seed: nothing is known of another's" in verdict.sentence


def test_a_seed_that_failed_is_left_out_of_the_comparison():
    """Its users' zeros are no evidence: the model is better in every seed that ended."""
    sound = model("lightgcn", 0.03, seeds=4, failed=(3,))
    assert sound.places == [0, 1, 2, 4]
    verdict = judge([model("derived", 0.0, seeds=5), sound], "ndcg@20")
    assert not verdict.wins
    assert [defeat.model for defeat in verdict.beaten_by] == ["lightgcn"]
    assert len(verdict.seeds["lightgcn"].differences) == 4
    assert "Seeds that failed are left out: lightgcn." in verdict.sentence


def test_a_model_of_which_every_seed_failed_is_compared_with_nothing():
    gone = model("gat", -0.3, failed=(0, 1))
    verdict = judge([model("derived", 0.05), model("other", 0.0), gone], "ndcg@20")
    assert list(verdict.comparisons) == list(verdict.corrected) == list(verdict.seeds) == ["other"]
    assert "Failed with every seed, and compared with nothing: gat." in verdict.sentence
    alone = judge([model("derived", 0.05), gone], "ndcg@20")
    assert (alone.wins, alone.significant) == (False, False)
    assert "compared with nothing: gat" in alone.sentence
    failed = judge([model("derived", -0.3, failed=(0, 1)), model("other", 0.0)], "ndcg@20")
    assert (failed.wins, failed.significant) == (False, False)
    assert "its training failed with every seed" in failed.sentence


def test_models_with_another_ones_recipe_are_named():
    results = [model("derived", 0.05), model("mf", 0.0, lent=True), model("lightgcn", 0.0)]
    told = judge(results, "ndcg@20").sentence
    assert told.endswith("Not tuned on their own, so that a lead over them proves little: mf.")


def test_the_network_alone_wins_over_every_trained_model_or_not():
    rest = [model("derived", 0.08, 5), model("ease", 0.06, 1, seeded=False), model("mf", 0.0, 5)]
    assert judge(rest, "ndcg@20").network_wins is None
    assert judge([*rest, model(NETWORK, 0.05, 5)], "ndcg@20").network_wins is True
    level = judge([*rest, model("lightgcn", 0.05, 5), model(NETWORK, 0.05, 5)], "ndcg@20")
    assert level.network_wins is False
    assert level.significant


def test_the_mean_of_random_designs_is_of_the_seeds_that_all_ended_with():
    one, two = model("one", 0.0, seeds=3), model("two", 0.1, seeds=2, failed=(1,))
    gone = model("gone", -0.3, seeds=3, failed=(0, 1, 2))
    mean = Result.mean("random", [one, two, gone])
    ours, theirs = one.metrics["ndcg@20"], two.metrics["ndcg@20"]
    assert mean.metrics["ndcg@20"] == pytest.approx([(ours[0] + theirs[0]) / 2, (ours[2] + theirs[1]) / 2])
    assert mean.places == [0, 2]
    assert Result.mean("random", [gone, gone]).nothing


def test_the_values_of_a_seed_that_failed_are_left_out_of_the_result():
    """Where all failed, those of empty lists stand, so that a table has a row."""
    found = [model("lightgcn", 0.0, 1).per_user[0] for _ in range(3)]
    measured = SimpleNamespace(beyond={"gini@20": 0.5}, cohorts={}, per_user=found[0])
    yardstick = SimpleNamespace(measure=lambda lists: measured)
    space = space_of(load_space("lightgcn"))
    contender = Contender("lightgcn", space, recipe_of(compose("train", "data=planted")), "tuned", lent=True)
    empty = torch.empty(0, 0)
    done, gone = Trained(empty, 7, 0.5, 1.0), Trained(empty, 0, 0.0, 1.0, failure="loss became nan")
    one = Result.of("lightgcn", contender, [done, gone, done], yardstick)
    assert (one.failed, one.places, one.epochs, one.nothing) == ((1,), [0, 2], [7, 7], False)
    assert len(one.metrics["ndcg@20"]) == len(one.beyond["gini@20"]) == len(one.per_user) == 2
    assert one.note == "tuned; 1 of 3 seeds failed; loss became nan"
    assert one.lent
    assert one.report()["lent"]
    every = Result.of("lightgcn", contender, [gone, gone], yardstick)
    assert (every.nothing, every.places, len(every.metrics["ndcg@20"])) == (True, [0, 1], 2)
