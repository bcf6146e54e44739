"""Node features: what a node is before any message arrives. Contract: () -> (N, D)."""

from supernet.features.embedding import FEATURES, IdEmbedding
from supernet.features.mixture import FeatureMixture

__all__ = ["FEATURES", "FeatureMixture", "IdEmbedding"]
