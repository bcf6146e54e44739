"""What a node is before any message: its id, its text, or both."""

from supernet.features.embedding import IdEmbedding
from supernet.features.fusion import FEATURES, PROJECTORS
from supernet.features.mixture import FeatureMixture

__all__ = ["FEATURES", "PROJECTORS", "FeatureMixture", "IdEmbedding"]
