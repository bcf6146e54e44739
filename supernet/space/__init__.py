"""What can be chosen (the search space), and what was chosen (the genotype)."""

from supernet.space.genotype import Genotype, identity_of
from supernet.space.slots import check_scalar
from supernet.space.space import SearchSpace

__all__ = ["Genotype", "SearchSpace", "check_scalar", "identity_of"]
