"""Readers, by name: each takes named arguments and returns Interactions."""

from supernet.data.readers.lightgcn import lightgcn
from supernet.data.readers.ml_100k import ml_100k
from supernet.data.readers.recbole import recbole
from supernet.data.readers.registry import READERS
from supernet.data.readers.table import table

__all__ = ["READERS", "lightgcn", "ml_100k", "recbole", "table"]
