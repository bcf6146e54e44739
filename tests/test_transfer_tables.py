"""The table of benchmarks/transfer.py, from its JSON lines."""

import json

from benchmarks.transfer_tables import transfer_tables


def transfer_row(stage, seed, nothing, init, options=()):
    curves = [
        [{"epoch": k, "seconds": 10.0 * k, "ndcg@20": score} for k, score in enumerate(scores, start=1)]
        for scores in (nothing, init)
    ]
    gain = [b - a for a, b in zip(nothing, init, strict=True)]
    return {"source": "a", "data": "b", "stage": stage, "seed": seed, "gain": gain, "train": ["model.dim=8"],
            "commit": "abc", "init_options": list(options), "nothing": curves[0], "init": curves[1],
            "taken": ["users: 1 of 2 by id"]}  # fmt: skip


def test_the_table_of_transfer_has_means_and_the_epochs_to_the_same(tmp_path):
    rows = [
        transfer_row("search", 0, [0.9, 0.9, 0.9], [0.1, 0.1, 0.1]),  # an earlier run: it does not count
        transfer_row("search", 0, [0.1, 0.2, 0.3], [0.2, 0.3, 0.5]),
        transfer_row("search", 1, [0.1, 0.2, 0.3], [0.1, 0.2, 0.2]),
        transfer_row("search", 0, [0.1, 0.2, 0.3], [0.3, 0.3, 0.3], ["norm=kept"]),
    ]
    path = tmp_path / "transfer.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = transfer_tables(path)
    first, other = [k for k, line in enumerate(lines) if line == "### a → b"]
    table = [line for line in lines[first:other] if line.startswith("| ")]
    supernet = "the supernet, begun with the source's users, projectors and alphas"
    assert table[2:] == [
        f"| {supernet} | 2 | 1 | 0.1000 | 0.1500 | +0.0500 ± 0.0707 | 10 · 10 |  |",
        "|  | 2 | 2 | 0.2000 | 0.2500 | +0.0500 ± 0.0707 | 20 · 20 |  |",
        "|  | 2 | 3 | 0.3000 | 0.3500 | +0.0500 ± 0.2121 | 30 · 30 | 2, – |",
    ]
    assert "With model.dim=8, commit abc. Taken: users: 1 of 2 by id." in lines[first:other]
    assert "With model.dim=8 init.norm=kept, commit abc. Taken: users: 1 of 2 by id." in lines[other:]
    assert lines[-1] == "|  | 1 | 3 | 0.3000 | 0.3000 | +0.0000 | 30 · 30 | 1 |"
    assert transfer_tables(tmp_path / "none.jsonl") == []
