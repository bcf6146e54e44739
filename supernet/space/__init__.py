"""What can be chosen (the search space), and what was chosen (the genotype)."""

from supernet.space.genotype import Genotype
from supernet.space.space import SearchSpace, check_scalar

__all__ = ["Genotype", "SearchSpace", "check_scalar"]
