"""Fine-tuning of the top layers of a language model by low-rank adapters, so that an item's text tells who
likes it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from supernet.features.text.encoders.base import missing
from supernet.features.text.encoders.transformer import Transformer
from supernet.features.text.rows import Vectors
from supernet.runtime import InputError

TEMPERATURE = 0.1
PENALTY = 1.0
"""Of the ridge regression from texts to collaborative vectors, in units of their variance."""


@dataclass(frozen=True)
class Lora:
    """layers: of the model, from the one that is pooled downwards. rank: of each adapter. batch: texts a
    step, each other's negatives."""

    layers: int = 2
    rank: int = 8
    epochs: int = 3
    lr: float = 5e-4
    batch: int = 32


def fine_tuned(
    encoder: Transformer, texts: Sequence[str], target: Tensor, lora: Lora, generator: torch.Generator
) -> Iterator[float]:
    r"""Put adapters into the encoder's model and train them for lora.epochs: the mean loss of each, after
    which the encoder encodes by what was learnt so far.

    Projected texts and collaborative vectors of the same items are to be alike, others of the batch not:
    :math:`-\log \mathrm{softmax}_j(\cos(W t_i + b, v_j) / 0.1)_i` and the same over i, with W and b from
    `ridge` at first. Shapes: target (n, D), a row a text.
    Errors: InputError without peft, and where the model has no such layers.
    Papers: LoRA, arXiv 2106.09685; alignment of content and collaborative vectors, arXiv 2107.05315
    """
    adapters = _adapted(encoder, lora, generator)
    device = adapters[0].device
    found = ridge(encoder.encode(texts), target.numpy())
    head = [nn.Parameter(torch.from_numpy(part).to(device)) for part in found]
    optimiser = torch.optim.AdamW([{"params": adapters}, {"params": head}], lr=lora.lr, weight_decay=0.0)
    unit = F.normalize(target, dim=1).to(device)
    for _ in range(lora.epochs):
        order, losses = torch.randperm(len(texts), generator=generator), []
        for batch in order.split(lora.batch):
            projected = F.normalize(
                encoder.pooled([texts[k] for k in batch.tolist()]) @ head[0] + head[1], dim=1
            )
            scores = projected @ unit[batch.to(device)].t() / TEMPERATURE
            own = torch.arange(len(batch), device=device)
            loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.t(), own)) / 2
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        yield float(torch.stack(losses).mean())


def adapters_of(encoder: Transformer) -> dict[str, Tensor]:
    """Copies of the adapters' weights as they are now, on the CPU, by the names that peft gives them in a
    file."""
    from peft import get_peft_model_state_dict

    found = get_peft_model_state_dict(encoder.loaded()[1])
    return {f"base_model.model.{name}": weight.detach().cpu().clone() for name, weight in found.items()}


def save_adapters(encoder: Transformer, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write them as peft does, so that `PeftModel.from_pretrained(model, folder)` puts them into the model
    that they were trained in. The folder appears when it is whole, in the place of one from before."""
    from safetensors.torch import save_file

    config = copy.copy(encoder.loaded()[1].peft_config["default"])
    config.base_model_name_or_path, config.inference_mode = encoder.model, True
    partial = folder.with_name(f".{folder.name}")
    for old in (partial, folder):
        shutil.rmtree(old, ignore_errors=True)
    config.save_pretrained(str(partial))
    save_file(dict(weights), partial / "adapter_model.safetensors", metadata={"format": "pt"})
    partial.rename(folder)


def ridge(texts: Vectors, target: Vectors) -> tuple[Vectors, Vectors]:
    """Ridge regression: weight (d, D) and bias (D,). Shapes: texts (n, d), target (n, D)."""
    x, y = texts.astype(np.float64), target.astype(np.float64)
    mean, middle = x.mean(axis=0), y.mean(axis=0)
    x -= mean
    penalty = PENALTY * max(1e-12, x.var()) * x.shape[1] * np.eye(x.shape[1])
    weight: NDArray[np.float64] = np.linalg.solve(x.T @ x + penalty, x.T @ (y - middle))
    return weight.astype(np.float32), (middle - mean @ weight).astype(np.float32)


def _adapted(encoder: Transformer, lora: Lora, generator: torch.Generator) -> list[nn.Parameter]:
    """The parameters of the adapters, all that is trained of the model; they change nothing at first."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise missing("lora", error) from None
    _, model = encoder.loaded()
    names = _linear(model, encoder.layer, lora.layers)
    config = LoraConfig(r=lora.rank, lora_alpha=2 * lora.rank, lora_dropout=0.0, target_modules=names)
    inject_adapter_in_model(config, model)
    found = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
        if "lora_A" in name:  # peft draws it by torch's global state
            with torch.no_grad():
                bound = parameter.shape[1] ** -0.5
                drawn = torch.rand(parameter.shape, generator=generator) * 2 * bound - bound
                parameter.copy_(drawn)
        if parameter.requires_grad:
            found.append(parameter)
    return found


def _linear(model: Any, layer: int, count: int) -> list[str]:  # noqa: ANN401
    """Names of the linear maps in the `count` layers below a hidden layer, that one included."""
    lists = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.ModuleList)]
    name, blocks = max(lists, key=lambda pair: len(pair[1]), default=("", []))
    top = layer if layer >= 0 else len(blocks) + 1 + layer
    kept = {f"{name}.{k}" for k in range(max(0, top - count), top)}
    kinds = ("Linear", "Conv1D")  # GPT-2's linear maps are transformers' Conv1D
    found = [
        path
        for path, part in model.named_modules()
        if type(part).__name__ in kinds and any(path.startswith(f"{one}.") for one in kept)
    ]
    if not found:
        raise InputError(
            f"finetune.text=lora: the hidden layer {layer} of the text model has no layers below it to tune; "
            "choose a view of a higher layer"
        )
    return found
