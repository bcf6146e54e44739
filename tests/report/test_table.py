import io

from rich.console import Console

from supernet.report.table import MAIN, Row, markdown, terminal

ROWS = [
    Row("Pop", {"ndcg@20": [0.1], "hit_rate@20": [1.0]}, 0.04, note="not trained"),
    Row("a|b", {"ndcg@20": [0.2]}, 12.0, note="not trained"),
    Row("searched", {"ndcg@20": [0.3, 0.5], "hit_rate@20": [0.5, 0.5]}, 12345.6, note="ours", highlight=True),
]


def printed(rows, width=80, **settings):
    console = Console(file=io.StringIO(), width=width)
    terminal(rows, console=console, **settings)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_markdown_is_exact():
    assert markdown(ROWS, footnotes=["Full ranking."]) == "\n".join(
        [
            "| model | NDCG@20 | HR@20 | seconds |",
            "| --- | ---: | ---: | ---: |",
            "| Pop¹ | .1000 | **1.0000** | 0.0 |",
            "| a\\|b¹ | .2000 | – | 12.0 |",
            "| **searched²** | **.4000 ± .1414** | .5000 ± .0000 | 12,346 |",
            "",
            "¹ not trained  ",
            "² ours  ",
            "± is the sample standard deviation over 2 seeds.  ",
            "Full ranking.  ",
            "",
        ]
    )


def test_markdown_of_chosen_metrics_without_notes():
    assert markdown([Row("x", {"map@10": [0.25], "mrr@10": [0.5]}, 150)], ["mrr@10"]) == (
        "| model | MRR@10 | seconds |\n| --- | ---: | ---: |\n| x | **.5000** | 150 |\n"
    )


def test_a_plain_table_has_no_best_and_no_seconds():
    rows = [Row("x", {"head/recall@20": [0.25, 0.75], "tail_share@20": [0.5]}, 150, highlight=True)]
    assert markdown(rows, plain=True) == "\n".join(
        [
            "| model | head Recall@20 | Tail share@20 |",
            "| --- | ---: | ---: |",
            "| **x** | .5000 ± .3536 | .5000 |",
            "",
            "± is the sample standard deviation over 2 seeds.  ",
            "",
        ]
    )


def test_means_that_read_the_same_are_equally_best():
    rows = [
        Row("x", {"ndcg@20": [0.30001]}, 1),
        Row("y", {"ndcg@20": [0.30002]}, 1),
        Row("z", {"ndcg@20": [0.2]}, 1),
    ]
    assert markdown(rows).count("**.3000**") == 2


def test_terminal_is_exact():
    assert printed(ROWS, metrics=["ndcg@20", "hit_rate@20"]) == [
        "            NDCG     HR",
        "model        @20    @20 seconds",
        "───────────────────────────────",
        "Pop¹       .1000 1.0000     0.0",
        "a|b¹       .2000      –    12.0",
        "searched²  .4000  .5000  12,346",
        "          ±.1414 ±.0000",
        "¹ not trained",
        "² ours",
        "± is the sample standard deviation over 2 seeds.",
    ]


def test_eighty_columns_hold_every_main_number_unbroken():
    metrics = {name: [0.1 + place / 100, 0.12 + place / 100] for place, name in enumerate(MAIN)}
    lines = printed([Row("searched, retrained on everything but test", metrics, 123456.0)])
    assert max(map(len, lines)) <= 80
    assert sum(".1100  .1200  .1300  .1400  .1500  .1600  .1700 123,456" in line for line in lines) == 1
    assert sum(line.count("±.0141") for line in lines) == 7
    assert "searched, retrained on" in lines[3]
    assert not any("…" in line for line in lines)


def test_the_best_and_the_highlighted_row_are_styled():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    terminal(ROWS, metrics=["ndcg@20"], console=console)
    text = console.file.getvalue()
    assert "\x1b[1;32m .4000" in text
    assert "\x1b[1;36msearched²" in text
    assert "\x1b[1;32m .1000" not in text


def test_square_brackets_in_names_are_not_markup():
    lines = printed([Row("net[bold]", {"ndcg@20": [0.1]}, 1.0, note="[red] herring")], metrics=["ndcg@20"])
    assert "net[bold]¹ .1000     1.0" in lines
    assert "¹ [red] herring" in lines
