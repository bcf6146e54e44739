"""What a language model is and how much it reads: its weights rather than its name, its positions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from supernet.features.text.encoders.base import missing
from supernet.runtime import InputError

WEIGHTS = (".json", ".txt", ".model", ".safetensors", ".bin")
"""Files of a model's folder that its vectors depend on: settings, tokenizer and weights."""

FEWEST = 4
"""Words of a vocabulary, special tokens apart; made-up ones have up to two, those of bytes 256."""


def fingerprint(model: str) -> str:
    """A model by its content. Of a folder, a hash of its settings, tokenizer and weights, wherever it lies;
    of an id on the hub, the id and the commit that would be loaded, where it is known.

    Errors: InputError for what cannot be loaded.
    """
    folder = Path(model)
    if folder.is_dir():
        return f"folder:{_content(folder)}"
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise missing("text", error) from None
    try:
        config = AutoConfig.from_pretrained(model)
    except Exception as error:  # as in `Transformer.loaded`
        raise unloadable(model, error) from None
    return f"{model}@{getattr(config, '_commit_hash', None) or 'unknown'}"


def room(tokenizer: Any, model: Any) -> int:  # noqa: ANN401
    """Tokens of a text that a model has positions for, as its tokenizer and its settings say."""
    places = getattr(model.config, "max_position_embeddings", None) or 0
    padding = getattr(getattr(model, "embeddings", None), "padding_idx", None)
    if padding is not None:  # RoBERTa's positions begin after that of the padding
        places -= padding + 1
    return int(min(size for size in (tokenizer.model_max_length, places or 10**9) if size > 0))


def check_words(tokenizer: Any, model: str) -> None:  # noqa: ANN401
    """Errors: InputError for a tokenizer without words: transformers makes one up where its files are
    missing, to which every word is unknown."""
    words = len(tokenizer) - len(set(tokenizer.all_special_ids))
    if words < FEWEST:
        raise InputError(
            f"text model {model!r}: its tokenizer knows {max(0, words)} words; put the tokenizer's files "
            "(tokenizer.json, vocab.txt or what it was saved with) beside its weights"
        )


def unloadable(model: str, error: Exception) -> InputError:
    """The error for a model that transformers refuses."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return InputError(
        f"text model {model!r} cannot be loaded: {reason}; give a folder that holds one, or the name of one "
        "that this machine can reach"
    )


def _content(folder: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in WEIGHTS and path.is_file():
            with path.open("rb") as file:
                state.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()} ".encode())
    return state.hexdigest()[:32]
