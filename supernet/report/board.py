"""TensorBoard: one run folder, one writer, plain tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scalar = bool | int | float | str


def mixture_tag(slot: str, candidate: str) -> str:
    """The tag of a mixture weight: "mixture/layer1/user/convolve/gcn"."""
    return f"mixture/{slot}/{candidate}"


class Board:
    """Writes scalars, figures, text and hyper-parameters of one run to its folder. Use as a context manager.

    Args: folder: the run folder; purge_step: on resume, the first step that will be written again: what an
    interrupted run had written from there on is hidden.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter  # half a second: only for those who write

        self._writer = SummaryWriter(log_dir=str(folder), purge_step=purge_step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve: tag ("loss/train") → value."""
        for tag, value in values.items():
            self._writer.add_scalar(tag, float(value), step)

    def mixtures(
        self, step: int, mixtures: Mapping[str, Sequence[float]], candidates: Mapping[str, Sequence[str]]
    ) -> None:
        """One point of every mixture weight: slot → the weights (K,) of its candidates, see `mixture_tag`."""
        for slot, weights in mixtures.items():
            for candidate, weight in zip(candidates[slot], weights, strict=True):
                self._writer.add_scalar(mixture_tag(slot, candidate), float(weight), step)

    def sizes(
        self, step: int, sizes: Mapping[str, Sequence[float | None]], candidates: Mapping[str, Sequence[str]]
    ) -> None:
        """One point of the output's root-mean-square of every candidate that has one:
        "size/layer1/user/convolve/gcn"."""
        for slot, values in sizes.items():
            for candidate, value in zip(candidates[slot], values, strict=True):
                if value is None:
                    continue
                self._writer.add_scalar(f"size/{slot}/{candidate}", float(value), step)

    def layout(self, candidates: Mapping[str, Sequence[str]]) -> None:
        """The page "Custom scalars": one chart per slot, with a line for each candidate. Call it once."""
        charts = {
            slot: ["Multiline", [f"^{re.escape(mixture_tag(slot, name))}$" for name in names]]
            for slot, names in candidates.items()
        }
        self._writer.add_custom_scalars({"mixture": charts})

    def figure(self, tag: str, figure: Figure, step: int) -> None:
        """A figure as an image."""
        self._writer.add_figure(tag, figure, step, close=False)

    def text(self, tag: str, text: str, step: int = 0) -> None:
        """A text, read as Markdown."""
        self._writer.add_text(tag, text, step)

    def hparams(
        self, params: Mapping[str, Scalar | None], metrics: Mapping[str, float], step: int = 0
    ) -> None:
        """The run's line on the page "HParams": its settings and final metrics. Call it once, at the end.

        It lands in this run folder: SummaryWriter.add_hparams would open a second run below it. None and
        booleans are written as words: torch refuses the one and writes the other as 0 or 1.
        """
        from torch.utils.tensorboard.summary import hparams

        words = {name: str(v).lower() for name, v in params.items() if v is None or isinstance(v, bool)}
        assert self._writer.file_writer is not None
        for summary in hparams(dict(params) | words, dict(metrics)):
            self._writer.file_writer.add_summary(summary)
        self.scalars(step, metrics)

    def flush(self) -> None:
        """Bring everything written so far to the disk."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
