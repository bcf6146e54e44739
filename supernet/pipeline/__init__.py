"""The straight line: `run_search` is train.py, `run_derive` is derive.py. Each stage takes plain objects,
returns one."""

from supernet.pipeline.derive import run_derive
from supernet.pipeline.search import run_search

__all__ = ["run_derive", "run_search"]
