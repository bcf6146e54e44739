"""Readers, by name: each takes named arguments and returns Interactions."""

from supernet.data.readers.lightgcn import read_lightgcn
from supernet.data.readers.ml_100k import read_ml_100k
from supernet.data.readers.planted import planted
from supernet.data.readers.recbole import read_recbole
from supernet.data.readers.registry import READERS
from supernet.data.readers.table import read_table

__all__ = ["READERS", "planted", "read_lightgcn", "read_ml_100k", "read_recbole", "read_table"]
