"""One skeleton for every model: its slots hold a mixture (supernet) or the one chosen operator (derived
model)."""

from supernet.model.recommender import Recommender

__all__ = ["Recommender"]
