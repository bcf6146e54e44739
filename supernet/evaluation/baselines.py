"""Baselines without training: (train, n_users, n_items, settings) -> score, to be ranked like any model."""

from supernet.evaluation.closed_forms.filters import cheby_cf, gf_cf
from supernet.evaluation.closed_forms.linear import ease
from supernet.evaluation.closed_forms.neighbours import item_knn, pop, user_knn
from supernet.evaluation.closed_forms.slim import slim
from supernet.evaluation.closed_forms.table import BASELINES, Baseline

__all__ = ["BASELINES", "Baseline", "cheby_cf", "ease", "gf_cf", "item_knn", "pop", "slim", "user_knn"]
