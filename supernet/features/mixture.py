"""The feature slot of one kind of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ops.mixture import Choice, Mix, Mixture
from ops.registry import topic_of
from supernet.data.views import Views
from supernet.features.embedding import IdEmbedding
from supernet.features.fusion import FEATURES, Fused, Projector


class FeatureMixture(Mixture):
    """Σ_k f_k feature_k of one embedding of ids and one projector a view, which the candidates share: each
    view is projected once, whatever reads it.

    Shapes: p (K,), views -> (N, D).
    Errors: ValueError for a candidate whose view is not among `views`.
    """

    def __init__(self, names: Sequence[str], nodes: int, dim: int, views: Views | None = None) -> None:
        super().__init__({name: FEATURES[name](dim) for name in names})
        views = views or {}
        wanted = dict.fromkeys(topic for name in names if (topic := topic_of(name)))
        for name in wanted:
            if name not in views:
                given = ", ".join(views) or "none"
                raise ValueError(
                    f"the space reads the text view {name!r}; the views of this run are: {given}"
                )
        modules = list(self.candidates.values())
        read = any(getattr(module, "reads_ids", True) for module in modules)
        self.ids = IdEmbedding(nodes, dim) if read else None
        self.projectors = nn.ModuleDict(
            {name: Projector(views[name].projector, views[name].vectors.shape[1], dim) for name in wanted}
        )

    def forward(self, p: Mix | None, views: Views | None = None, ids: Tensor | None = None) -> Tensor:
        """The mixed features. ids: in place of the embedding's, for other nodes than its own (N', D)."""
        if ids is None:
            ids = None if self.ids is None else self.ids()
        single = self.single(p)
        if single is not None:
            return single(*self._inputs(self._only(p), ids, views))
        projected = {name: self._projected(name, views) for name in self.projectors}
        outputs = [m(ids, projected.get(getattr(m, "view", ""))) for m in self.candidates.values()]
        if self.calibrate:
            self.measure(outputs)
        if self.norm == "output":
            return self.normalised(outputs, cast(Tensor, p), outputs[0])
        factors = self.factors(cast(Tensor, p))
        return sum((factors[k] * x for k, x in enumerate(outputs)), start=torch.zeros_like(outputs[0]))

    def size_of(self, number: int) -> int:
        """Weights of a candidate, with those of the ids and the projector that it reads."""
        module = list(self.candidates.values())[number]
        shared = [self.projectors[module.view]] if isinstance(module, Fused) else []
        if self.ids is not None and getattr(module, "reads_ids", True):
            shared.append(self.ids)
        return super().size_of(number) + sum(w.numel() for one in shared for w in one.parameters())

    def _only(self, p: Mix | None) -> nn.Module:
        """The one candidate that is computed."""
        modules = list(self.candidates.values())
        return modules[p.number] if isinstance(p, Choice) else modules[0]

    def _inputs(
        self, module: nn.Module, ids: Tensor | None, views: Views | None
    ) -> tuple[Tensor | None, Tensor | None]:
        return ids, self._projected(module.view, views) if isinstance(module, Fused) else None

    def _projected(self, name: str, views: Views | None) -> Tensor:
        assert views is not None, "the graph has no views"
        return cast(Tensor, self.projectors[name](views[name].vectors, views[name].known))
