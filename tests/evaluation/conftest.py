"""A small matrix with an empty row and an empty column."""

import torch

from supernet.data.dataset import Pairs


def planted(n_users=30, n_items=12, share=0.3, seed=0):
    dense = torch.rand(n_users, n_items, generator=torch.Generator().manual_seed(seed)) < share
    dense[4] = False
    dense[:, 7] = False
    users, items = dense.nonzero(as_tuple=True)
    return dense, Pairs(users, items)
