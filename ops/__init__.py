"""What a graph operator is. Imports torch, torch_scatter and torch_sparse, and nothing else."""
