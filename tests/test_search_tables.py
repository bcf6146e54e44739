"""Numbers and tables of search quality, on rows written by hand; and the lines they are read from."""

import itertools
import json
import math
from dataclasses import replace

import pytest

from benchmarks.lines import add_lines, read_lines
from benchmarks.search_rankings import ceilings
from benchmarks.search_rivals import fixed_recipes, named, rivals
from benchmarks.search_sections import edges, methods
from benchmarks.search_statistics import (
    apart,
    below,
    gap,
    gaps,
    idle_share,
    interval,
    kappas,
    loss_correlation,
    tau,
)
from benchmarks.search_tables import search_tables, write_tables
from benchmarks.table_search import exhaustive, random_regrets, table_space
from benchmarks.tabular import designs_of
from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError
from supernet.search.selection import known_designs
from supernet.search.tabular import Table, Training, load_tables, save_tables
from supernet.space import identity_of

OPEN = table_space().choices()
FIRST = {slot: names[0] for slot, names in table_space().candidates().items()}
SLOT = next(slot for slot, names in OPEN.items() if len(names) == 3)


def method_row(method, seed, regret, scores=(None,) * 3 + (0.2,), choices=FIRST, epochs=(), seconds=10.0):
    """As search_quality.py writes it; scores: mixture, inherited, settled, retrained."""
    mixture, inherited, settled, retrained = scores
    return {"kind": "method", "data": "toy", "method": method, "seed": seed, "choices": dict(choices),
            "regret": regret, "rank": regret / 2, "seconds": seconds, "mixture_score": mixture,
            "inherited_score": inherited, "settled_score": settled, "retrained_score": retrained,
            "random_1": 0.3, "random_3": 0.2, "mixture": {},
            "entropy": None if mixture is None else 0.5,
            "epochs": [{"alpha_loss": loss, "score": score} for loss, score in epochs]}  # fmt: skip


def strategy_row(method, seed, regret, model=None):
    return {"kind": "strategy", "data": "toy", "method": method, "model": model, "seed": seed,
            "regret": regret, "seconds": [30, 60]}  # fmt: skip


def tables_of(rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return search_tables(path, tmp_path / "no table")


def body(lines, head):
    """The rows below the head that begins with these words."""
    start = next(k for k, line in enumerate(lines) if line.startswith(f"| {head} |"))
    return list(itertools.takewhile(bool, lines[start + 2 :]))


@pytest.mark.parametrize(
    ("names", "size", "expected"),
    [
        ("aaaa", 3, 1.0),
        ("aaab", 3, 0.25),  # 3 of 6 pairs agree: (1/2 − 1/3) / (2/3)
        ("aabb", 2, -1 / 3),  # 2 of 6: (1/3 − 1/2) / (1/2)
        ("ab", 2, -1.0),
        ("abc", 3, -0.5),  # none: (0 − 1/3) / (2/3)
        ("aab", 5, 1 / 6),  # 1 of 3: (1/3 − 1/5) / (4/5)
    ],
)
def test_kappa_of_a_slot_equals_the_hand_computed_one(names, size, expected):
    assert kappas([{"x": name} for name in names], {"x": size}) == pytest.approx({"x": expected})


def test_kappa_is_of_each_slot_by_itself_and_needs_two_seeds():
    designs = [{"x": "a", "y": "c"}, {"x": "a", "y": "d"}]
    assert kappas(designs, {"x": 2, "y": 4}) == pytest.approx({"x": 1.0, "y": -1 / 3})
    with pytest.raises(ValueError, match="two seeds or more, found 1"):
        kappas(designs[:1], {"x": 2})


def test_the_gap_is_of_the_chosen_design_over_its_mixture():
    assert gap(method_row("m", 0, 0.1, (0.2, 0.19, None, 0.3))) == pytest.approx(-0.05)
    assert gap(method_row("m", 0, 0.1, (0.2, 0.21, 0.2, 0.1))) == pytest.approx(0.05)
    assert gap(method_row("m", 0, 0.1)) is None
    assert gaps([method_row("m", 0, 0.1), method_row("m", 1, 0.1, (0.0, 0.1, 0.1, 0.1))]) == []


def test_the_correlation_of_loss_and_score_leaves_the_warm_up_out():
    falling = [(0.0, 0.9), (3.0, 0.1), (2.0, 0.2), (1.0, 0.3)]
    mixed = [(3.0, 0.1), (2.0, 0.3), (1.0, 0.2)]
    assert loss_correlation([method_row("m", 0, 0.1, epochs=falling)]) == pytest.approx(-1.0)
    both = [method_row("m", seed, 0.1, epochs=own) for seed, own in enumerate((falling, mixed))]
    assert loss_correlation(both) == pytest.approx(-0.75)
    constant = [(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)]
    assert loss_correlation([method_row("m", 0, 0.1, epochs=constant)]) == 0.0
    assert loss_correlation([method_row("m", 0, 0.1, epochs=falling[:3])]) is None


def test_small_statistics():
    assert tau([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 3)
    assert tau([1, 1, 1], [1, 2, 3]) == 0.0
    assert interval([0.4]) == (0.4, 0.4)
    low, high = interval([0.0, 1.0, 0.0, 1.0])
    assert 0 <= low < 0.5 < high <= 1
    assert below([0.0, 0.0]) == 1.0
    assert below([-1.0, -2.0, -3.0, -4.0, -5.0]) == pytest.approx(1 / 32)
    assert apart([-1.0, -2.0, -3.0, -4.0, -5.0]) == pytest.approx(1 / 16)
    assert apart([0.0, 0.0]) == apart([3.0]) == 1.0
    assert idle_share({"a/convolve": "skip", "b/aggregate": "none", "c/aggregate": "sym"}) == 2 / 3


def test_the_regret_table_has_the_best_method_first(tmp_path):
    rows = [method_row("worse", seed, 0.2, seconds=20.0) for seed in (0, 1)]
    rows += [method_row("no noise", 0, 0.04), method_row("no noise", 1, 0.12)]
    assert body(tables_of(rows, tmp_path), "method | seeds") == [
        "| no noise | 2 | 0.080 (0.040 … 0.120) | 0.040 | 1 of 2 | – | 10 | 0.300 | 0.25 | 0.200 | 0.25 |",
        "| worse | 2 | 0.200 (0.200 … 0.200) | 0.100 | 0 of 2 | 0.5 | 20 | 0.300 | 0.25 | 0.200 | 1 |",
    ]


@pytest.mark.parametrize(
    ("settled", "gaps_shown", "verdict"),
    [
        ((0.198, 0.198), "-1.0% | 1.0%", "with inherited weights 20.0%, missed; settled 1.0%, reached"),
        # they do not make up for each other
        ((0.196, 0.208), "+1.0% | 3.0%", "with inherited weights 20.0%, missed; settled 3.0%, missed"),
    ],
)
def test_the_gap_table_has_all_four_scores_and_the_verdict(tmp_path, settled, gaps_shown, verdict):
    rows = [method_row("default", k, 0.1, (0.2, 0.16, score, 0.25)) for k, score in enumerate(settled)]
    rows += [method_row("random", 0, 0.1, (0.2, 0.1, None, 0.24)), method_row("trained tpe", 0, 0.1)]
    lines = tables_of(rows, tmp_path)
    mean = sum(settled) / 2
    assert body(lines, "NDCG@20 on valid") == [
        f"| default | 0.2000 | 0.1600 | {mean:.4f} | 0.2500 | -20.0% | {gaps_shown} |",
        "| random | 0.2000 | 0.1000 | – | 0.2400 | -50.0% | – | – |",
    ]
    assert any(f"Aim: 2% by the default, mean of sizes: {verdict}." in line for line in lines)


def test_agreement_is_shown_by_slot_with_its_mean(tmp_path):
    other = FIRST | {SLOT: OPEN[SLOT][1]}
    rows = [method_row("m", seed, 0.1, choices=own) for seed, own in enumerate([FIRST] * 3 + [other])]
    rows += [method_row("alone", 0, 0.1)]
    lines = tables_of(rows, tmp_path)
    (row,) = body(lines, f"agreement of seeds, κ | {' | '.join(OPEN)} | mean")
    cells = [0.25 if slot == SLOT else 1.0 for slot in OPEN]
    assert row == "| m | " + " | ".join(f"{c:.2f}" for c in [*cells, sum(cells) / len(cells)]) + " |"


def test_the_correlation_of_loss_and_score_stands_in_a_table(tmp_path):
    epochs = [(3.0, 0.1), (2.0, 0.2), (1.0, 0.3)]
    rows = [method_row("default", 0, 0.1, (0.2, 0.2, 0.2, 0.2), epochs=epochs)]
    rows += [method_row("trained tpe", 0, 0.1)]
    found = body(tables_of(rows, tmp_path), "method | entropy")
    assert found == ["| default | 0.50 | – | – | – | -1.00 |", "| trained tpe | – | – | – | – | – |"]


def test_methods_are_compared_by_what_their_alphas_alone_would_choose(table_of_one_seed, tmp_path):
    """The trainings that methods share hide it in the regret of what they choose."""
    save_tables(
        [row for rows in table_of_one_seed.trainings.values() for row in rows], tmp_path / "t.parquet"
    )
    even = {slot: [1 / len(names)] * len(names) for slot, names in OPEN.items()}
    tilted = even | {SLOT: [0.2, 0.5, 0.3]}
    identity = identity_of(table_space())
    regrets = [table_of_one_seed.regret(identity(FIRST | change)) for change in ({}, {SLOT: OPEN[SLOT][1]})]
    rows = [method_row("no noise", seed, 0.1, (0.2,) * 4) | {"mixture": even} for seed in range(6)]
    rows += [method_row("tilted", seed, 0.1, (0.2,) * 4) | {"mixture": tilted} for seed in range(6)]
    rows += [method_row("rule argmax", 0, 0.1, (0.2,) * 4) | {"mixture": even}]
    rows = [row | {"data": "toy", "hash": identity(FIRST), "pace": 1.0} for row in rows]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = body(search_tables(path, tmp_path / "t.parquet"), "method | entropy")
    assert [row.split(" | ")[2][:5] for row in found] == [f"{regret:.3f}" for regret in regrets]
    assert [row.split(" | ")[3] for row in found] == ["–", f"{apart([regrets[1] - regrets[0]] * 6):.2g}"]
    idle = [idle_share(FIRST | change) for change in ({}, {SLOT: OPEN[SLOT][1]})]
    assert [row.split(" | ")[4] for row in found] == [f"{share:.2f}" for share in idle]


@pytest.fixture
def table_of_one_seed():
    """Every design of the space with two recipes, the scores from their numbers; LightGCN++ is the best."""
    rows, best = [], named_designs()["lightgcn_pp"]
    for number, (key, choices) in enumerate(designs_of(table_space()).items()):
        score = 0.9 if key == best else 0.1 + (37 * number % 240) / 1000
        for temperature, less in ((0.1, 0.05 * (number % 2)), (0.2, 0.01)):
            same = ("toy", key, json.dumps(choices), temperature, 0.01, 0)
            rows.append(Training(*same, score - less, score, score, 1, 4.0, 10))
    return Table(rows)


def named_designs():
    names, space = ("lightgcn", "lightgcn_pp"), table_space()
    own = {name: known_designs(space, [space_of(load_space(name))])[0] for name in names}
    return {name: identity_of(space)(design) for name, design in own.items()}


def test_the_designs_with_names_stand_beside_the_search_that_is_given_them(table_of_one_seed):
    """So that the pool's own knowledge is not taken for what a search found."""
    assert named(table_of_one_seed) == named_designs()
    rows = [method_row("default", seed, 0.5, seconds=10.0) | {"pace": 1.0} for seed in range(6)]
    rows = [row | {"hash": named_designs()["lightgcn_pp"] if row["seed"] < 2 else "x"} for row in rows]
    (told,) = rivals({"default": rows}, table_of_one_seed)
    assert "lightgcn_pp 0.0000; the best of them is of the top 5 %" in told
    assert "took one of them in 2 of 6 seeds; its regret is 0.5000" in told
    assert "p of being below that of the best named design 1." in told
    assert "trains them first has 0.0000 in the same seconds (p 1)." in told
    assert rivals({"default": rows}, None) == rivals({"other": rows}, table_of_one_seed) == []


def test_random_search_may_begin_with_given_designs(table_of_one_seed):
    worst = max(table_of_one_seed.trainings, key=table_of_one_seed.regret)
    assert set(random_regrets(table_of_one_seed, 4.0, 0, [worst])) == {table_of_one_seed.regret(worst)}
    best = named_designs()["lightgcn_pp"]
    assert set(random_regrets(table_of_one_seed, 40.0, 0, [worst, best])) == {0.0}
    assert len(set(random_regrets(table_of_one_seed, 4.0, 0))) > 50


def test_the_winner_at_each_recipe_is_told_with_what_it_loses(table_of_one_seed):
    found = fixed_recipes(table_of_one_seed)
    assert found[2:4] == [
        "| temperature 0.1, lr 0.01 | 0.8500 | 0.0000 | 0.000 |",
        "| temperature 0.2, lr 0.01 | 0.8900 | 0.0000 | 0.000 |",
    ]
    lost = Table([replace(row, valid=0.0) if row.test > 0.8 and row.temperature < 0.2 else row
                  for rows in table_of_one_seed.trainings.values() for row in rows])  # fmt: skip
    assert float(fixed_recipes(lost)[2].split(" | ")[2]) > 0.5
    assert fixed_recipes(None) == []


def test_strategies_have_a_table_and_an_adviser_its_model(tmp_path):
    rows = [strategy_row("tpe", 0, [0.2, 0.1]), strategy_row("tpe", 1, [None, 0.3])]
    rows += [strategy_row("advisor", 0, [0.5, 0.5], model) for model in ("a", "b")]
    found = body(tables_of(rows, tmp_path), "strategy, on the table: regret after")
    assert found == [
        "| tpe | 2 | – | 0.200 (0.100 … 0.300) |",
        "| advisor (a) | 1 | 0.500 (0.500 … 0.500) | 0.500 (0.500 … 0.500) |",
        "| advisor (b) | 1 | 0.500 (0.500 … 0.500) | 0.500 (0.500 … 0.500) |",
    ]


def test_strategies_are_tested_against_random_search_seed_by_seed(tmp_path):
    rows = [strategy_row("random", seed, [0.5, 0.3 + seed / 100]) for seed in range(6)]
    rows += [strategy_row("tpe", seed, [0.5, 0.1 + seed / 50]) for seed in range(7)]
    told = tables_of(rows, tmp_path)[-1]
    marks = rows[0]["seconds"]
    assert f"p of being below random search at {marks[-1]} s, Wilcoxon over seeds: tpe 0.016." in told


def trainings(name, *scores):
    """Those of a design: valid and test of every seed."""
    same = ("toy", name, "{}", 0.1, 0.01)
    return [Training(*same, seed, v, t, t, 1, 1.0, 1) for seed, (v, t) in enumerate(scores)]


VALID = [(0.1, 0.1, 0.3), (0.2, 0.3, 0.2), (0.3, 0.2, 0.1)]
SCORES = {name: [(v, 0.1 * k) for v in own] for k, (name, own) in enumerate(zip("abc", VALID, strict=True))}


def test_the_ceilings_are_of_the_table_with_itself():
    rows = trainings("a", (0.1, 0.1), (0.1, 0.1)) + trainings("b", (0.2, 0.3), (0.3, 0.3))
    rows += trainings("c", (0.3, 0.2), (0.2, 0.2)) + trainings("d", (0.9, 0.9))
    found = ceilings(Table(rows))
    assert found["seed and seed"][0] == f"{1 / 3:.3f}"
    more = Table([row for name in "abc" for row in trainings(name, *SCORES[name])])
    pairs = [tau(a, b) for a, b in itertools.combinations(zip(*VALID, strict=True), 2)]
    assert len(set(pairs)) > 1, "one pair would not do"
    assert ceilings(more)["seed and seed, mean of 3 pairs"][0] == f"{sum(pairs) / 3:.3f}"
    assert ceilings(Table(trainings("d", (0.9, 0.9)))) == {}


def test_what_noise_leaves_is_a_draw_of_the_seeds_of_every_design():
    # "a" is better on test, and on valid but where its second seed meets the second of "b": one draw in four
    a, b = trainings("a", (0.9, 0.4), (0.5, 0.4)), trainings("b", (0.1, 0.3), (0.6, 0.3))
    regret, top = exhaustive(Table(a + b))
    assert regret == pytest.approx(0.25 * 0.25, abs=0.01)
    assert top == pytest.approx(0.75, abs=0.04)
    assert exhaustive(Table(trainings("a", (0.9, 0.4)) + trainings("b", (0.1, 0.3)))) is None
    (told,) = (
        line for line in methods({"m": [method_row("m", 0, 0.1)]}, Table(a + b)) if "what noise" in line
    )
    assert f"all 2 designs in full, once each with their tuned recipes, and takes the best on valid has a " \
        f"regret of {regret:.4f}, and a design of the top 5 % in {top:.0%} of draws" in told  # fmt: skip


def test_recipes_at_an_edge_of_the_grid_that_all_designs_have_are_told():
    def best_at(name, temperature, lr, more=()):
        best = temperature, lr
        grid = [(t, rate) for t in (0.1, 0.2, *more) for rate in (0.01, 0.02)]
        scores = [float(recipe == best) for recipe in grid]
        return [Training("toy", name, "{}", *recipe, 0, score, 0.0, 0.0, 1, 1.0, 1)
                for recipe, score in zip(grid, scores, strict=True)]  # fmt: skip

    rows = best_at("a", 0.2, 0.01) + best_at("b", 0.2, 0.01, (0.4,)) + best_at("c", 0.4, 0.02, (0.4,))
    told = (
        "Of the 3 best recipes 2 have temperature 0.2, the highest, and 2 have lr 0.01, the lowest of the "
        "grid that all designs have."
    )
    assert edges(Table(rows)) == told
    assert told in methods({"m": [method_row("m", 0, 0.1)]}, Table(rows))
    assert edges(Table(best_at("a", 0.1, 0.01) + best_at("b", 0.2, 0.02))) == "", "half is not most"
    assert methods({"m": [method_row("m", 0, 0.1)]}, Table(best_at("a", 0.1, 0.01)[:1]))[-1].startswith("| m")


def test_the_edges_of_the_shipped_table():
    tables = load_tables()
    assert "Of the 240 best recipes 178 have lr 0.004, the lowest of" in edges(tables["ml-100k"])
    assert "226 have temperature 0.25, the highest, and 135 have lr 0.004, the lowest" in edges(
        tables["lastfm"]
    )


def test_tables_are_written_with_each_row_once(tmp_path, capsys):
    rows = [method_row("default", 0, 0.9), strategy_row("tpe", 0, [None, None])]
    add_lines(tmp_path / "a.jsonl", rows)
    add_lines(tmp_path / "b.jsonl", [method_row("default", 0, 0.1)])
    write_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "to", tmp_path / "no table")
    found = read_lines(tmp_path / "to" / "search_quality.jsonl")
    assert [row["regret"] for row in found] == [0.1, [None, None]]
    assert (tmp_path / "to" / "search_quality.png").stat().st_size > 1000
    assert "| default | 1 | 0.100" in capsys.readouterr().out
    with pytest.raises(InputError, match="no row; run search_quality"):
        write_tables([tmp_path / "none.jsonl"], tmp_path / "to")
    assert search_tables(tmp_path / "none.jsonl") == []


def test_a_line_that_was_cut_off_is_skipped_and_spoils_no_other(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_lines(path) == []
    add_lines(path, [{"a": 1}, {"a": 2}])
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    assert read_lines(path) == [{"a": 1}]
    assert path.read_bytes() == whole[:-4], "another process may be writing it"
    add_lines(path, [{"a": 3}])
    assert read_lines(path) == [{"a": 1}, {"a": 3}]
    path.write_bytes(whole[:-1])  # whole, but for its end
    add_lines(path, [{"a": math.pi}])
    assert read_lines(path) == [{"a": 1}, {"a": 2}, {"a": math.pi}]


def test_methods_with_few_seeds_stand_below_no_method_with_more(tmp_path):
    """One seed may be a lucky one; where all have as few they are shown."""
    rows = [method_row("default", seed, 0.1) for seed in range(3)] + [method_row("lucky", 0, 0.0)]
    lines = tables_of(rows, tmp_path)
    assert [line.split(" | ")[0] for line in body(lines, "method")[:1]] == ["| default"]
    assert not any("lucky |" in line for line in lines)
    assert "Not shown, with fewer than 3 seeds so far: lucky." in lines
    assert any(line.startswith("| lucky |") for line in tables_of(rows[2:], tmp_path))
