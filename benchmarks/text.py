"""Texts: how much of the language model's own speed encoding has, and the memory of a table of vectors.

    python benchmarks/text.py [--texts FILE --columns NAME,NAME] [--quick] [--check]

The model is all-MiniLM-L6-v2, from its package; the texts are ml-100k's, or columns of a tsv file. The
model's own speed is its forward pass alone on token ids that are ready, in batches as large as ours, texts of
like length side by side. A second run must find all vectors without a model. The table has a million rows of
384 columns, in a file of its own; it is read, scaled, mapped and projected in a process of its own, as a view
is; told is the highest resident size of that process beyond that of its imports, and the whole of it, with
the pages of the mapped file that were looked at.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import numpy as np
import torch

from benchmarks import measure
from supernet.data.readers import READERS
from supernet.data.views import View
from supernet.features.mixture import FeatureMixture
from supernet.features.text.cleaning import clean_texts
from supernet.features.text.encode import encode_texts
from supernet.features.text.encoders import MiniLM
from supernet.features.text.mapped import mapped
from supernet.features.text.rows import BLOCK
from supernet.features.text.vectors import read_vectors
from supernet.runtime import keep_memory

ROWS, WIDTH, DIM, BATCH = 1_000_000, 384, 64, 2048


class Never(MiniLM):
    """All that is asked of it must be known."""

    def encode(self, texts):
        """An error."""
        raise AssertionError(f"{len(texts)} texts were encoded again")


class Task:
    """Texts, ready token ids of them, and the model."""

    def __init__(self, texts: list[str]) -> None:
        self.texts, self.encoder = texts, MiniLM(device="cpu")
        tokenizer, self.model = self.encoder.loaded()
        self.order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
        size, options = self.encoder.batch, {"padding": True, "truncation": True, "return_tensors": "pt"}
        self.batches = [
            tokenizer([texts[k] for k in self.order[start : start + size]], max_length=256, **options)
            for start in range(0, len(texts), size)
        ]

    @torch.no_grad()
    def raw(self) -> None:
        """The model alone."""
        for batch in self.batches:
            self.model(**batch)

    def ours(self) -> None:
        """From texts to vectors that are written down."""
        with tempfile.TemporaryDirectory() as folder:
            encode_texts(self.texts, self.encoder, Path(folder))

    @torch.no_grad()
    def reference(self) -> np.ndarray:
        """Mean over the tokens of the last layer, of length 1, in the order of the texts."""
        found = np.zeros((len(self.texts), WIDTH), np.float32)
        vectors = []
        for batch in self.batches:
            for states, mask in zip(
                self.model(**batch).last_hidden_state, batch["attention_mask"], strict=True
            ):
                mean = states[mask.bool()].mean(dim=0)
                vectors.append((mean / mean.norm()).numpy())
        found[self.order] = vectors
        return found


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read; every benchmark takes it")
    parser.add_argument("--texts", type=Path, help="a tsv file with a row an item")
    parser.add_argument("--columns", default="title", help="of it, joined by a space")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS, help="of the table")
    parser.add_argument("--quick", action="store_true", help="two repeats, few texts, a small table")
    parser.add_argument("--check", action="store_true", help="compare results, then stop without timing")
    parser.add_argument("--table", type=Path, help="internal: the memory of this table alone")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    keep_memory()
    if chosen.table:
        print(json.dumps(table(chosen.table)))
        return
    if chosen.quick or chosen.check:
        chosen.repeats, chosen.rows = 2, chosen.rows // 100
    texts = list(dict.fromkeys(clean_texts(read(chosen.texts, chosen.columns.split(","))).texts))
    texts = [text for text in texts if text][: 200 if chosen.quick or chosen.check else None]
    task = Task(texts)
    with tempfile.TemporaryDirectory() as folder:
        first = encode_texts(texts, task.encoder, Path(folder)).array()
        np.testing.assert_allclose(first, task.reference(), atol=2e-6)
        if chosen.check:
            return
        seconds = [second(texts, Path(folder), first) for _ in range(chosen.repeats)]
    times = measure.interleaved({"raw": task.raw, "ours": task.ours}, chosen.repeats)
    source = chosen.texts.parent.name if chosen.texts else "ml-100k"
    more = {"texts": len(texts), "batch": task.encoder.batch, "source": source}
    for name in ("raw", "ours"):
        measure.row(f"text_{name}_per_second", [len(texts) / t for t in times[name]], "texts/s", **more)
    measure.row("text_encoding_over_model", measure.ratios(times, "raw", "ours"), "ratio", **more)
    measure.row("text_second_run_seconds", seconds, "s", **more)
    memory(chosen.rows)


def read(path: Path | None, columns: list[str]) -> list[str]:
    """The texts of ml-100k, or of a file."""
    if path is None:
        return list(READERS["ml-100k"]().text)
    with path.open(encoding="utf-8", newline="") as file:
        return [" ".join(row[name] for name in columns) for row in csv.DictReader(file, delimiter="\t")]


def second(texts: list[str], folder: Path, first: np.ndarray) -> float:
    """Seconds of a run that finds all it needs."""
    start = time.perf_counter()
    encoder = Never(device="cpu")
    rows = encode_texts(texts, encoder, folder)
    mapped(rows, "standardise", folder)
    seconds = time.perf_counter() - start
    assert encoder._loaded is None
    assert np.array_equal(rows.array(), first)
    return seconds


def memory(rows: int) -> None:
    """Write a table, let a process of its own read it, and tell what that took."""
    with tempfile.TemporaryDirectory() as folder:
        path, generator = Path(folder) / "table.npy", np.random.default_rng(0)
        with path.open("wb") as file:
            head = {"descr": "<f4", "fortran_order": False, "shape": (rows, WIDTH)}
            np.lib.format.write_array_header_1_0(file, head)
            for start in range(0, rows, BLOCK):
                size = min(BLOCK, rows - start)
                file.write(generator.standard_normal((size, WIDTH), np.float32).data)
        found = measure.fresh("text.py", "--table", str(path))
    more = {"rows": rows, "columns": WIDTH} | found
    for name in ("read", "batch", "pass"):
        beyond = found[f"{name}_peak"] - found["imports_peak"]
        measure.row(f"text_table_{name}_gib", [beyond / 2**30], "GiB", **more)
    measure.row("text_table_process_gib", [found["pass_peak"] / 2**30], "GiB", **more)
    for name in ("read", "again", "pass"):
        measure.row(f"text_table_{name}_seconds", [found[f"{name}_seconds"]], "s", **more)


@torch.no_grad()
def table(path: Path) -> dict[str, float]:
    """Highest resident size (bytes) after the imports, reading with scaling, a batch, and a pass over all
    rows in blocks, whose result is kept; seconds of reading, of reading again what is mapped, of the pass."""
    peaks = {"imports_peak": measure.peak_memory()}
    count = len(np.load(path, mmap_mode="r"))
    ids = np.array([str(k) for k in range(count)], dtype=object)
    start = time.perf_counter()
    rows, _ = read_vectors(path, ids)
    vectors, known = mapped(rows, "standardise", path.parent), torch.from_numpy(rows.known.astype(np.float32))
    peaks |= {"read_seconds": time.perf_counter() - start, "read_peak": measure.peak_memory()}
    start = time.perf_counter()
    mapped(rows, "standardise", path.parent)
    peaks["again_seconds"] = time.perf_counter() - start
    view = View(torch.from_numpy(vectors), known)
    features = FeatureMixture(["text:own"], count, DIM, {"own": view})
    project = features.projectors["own"]
    project.reset_parameters(torch.Generator().manual_seed(0))
    batch = torch.randint(count, (BATCH,), generator=torch.Generator().manual_seed(1))
    looked_up = project(view.vectors[batch], view.known[batch])
    peaks["batch_peak"] = measure.peak_memory()
    start = time.perf_counter()
    out = torch.empty(count, DIM)
    for begin in range(0, count, BLOCK):
        end = min(begin + BLOCK, count)
        out[begin:end] = project(view.vectors[begin:end], view.known[begin:end])
    torch.testing.assert_close(out[batch], looked_up)
    return peaks | {"pass_peak": measure.peak_memory(), "pass_seconds": time.perf_counter() - start}


if __name__ == "__main__":
    main()
