"""The methods that search_quality.py judges, and the rows that each comes to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from supernet.search.selection import SELECTIONS

Row = tuple[str, str]
"""Kind and method of a row."""

TRAINED = "search=trained_"
"""What begins the override of a strategy that trains each design by itself, for about as many batches as the
default's selection."""

PLAIN = "no noise"
"""The search whose alphas have none: softmax mixtures. Other relaxations, gradients and switches are changes
of it."""

BARE = "search.alpha_noise=none"

CHANGES: dict[str, tuple[str, ...]] = {
    "three temperatures": ("search.select_temperatures=[0.6,1.0,1.6]",),
    "pretuned": ("search.pretune_temperatures=[0.5,0.75,1.33]", "search.pretune_lrs=[0.5,2]"),
    "single path": ("search.cost=sampled",),
    "partial channels": ("search.cost=partial",),
    "sparsemax": ("search.relaxation=sparsemax",),
    "top2": ("search.relaxation=top2",),
    "sigmoid": ("search=fair_darts",),
    "constant temperature": ("search.temperature_schedule=constant",),
    "linear temperature": ("search.temperature_schedule=linear",),
    "cosine temperature": ("search.temperature_schedule=cosine",),
    "annealed to 0.1": ("search.temperature_end=0.1",),
    "joint": ("search.order=joint",),
    "finite difference": ("search.order=finite_difference",),
    "neumann": ("search.order=neumann",),
    "learned temperature": ("search.alpha_temperature=learned",),
    "contrastive": ("search=contrastive",),
    "contrastive objective": ("search.objective=contrastive",),
    "frozen embeddings": ("search.freeze=embeddings",),
    "cost aware": ("search.cost_weight=0.5",),
    "shrinking": ("search.shrink_at=SHRINK_AT",),
    "no average": ("search.average=0",),
    "no warm-up": ("search.warmup=0",),
    "idle penalty": ("search.idle=1.0",),
    "beta": ("search.beta=0.5",),
    "auxiliary skip": ("search.auxiliary_skip=0.5",),
    "output norm": ("search.norm=output",),
    "no norm": ("search.norm=none",),
    "eigenvalue stop": ("search.eigenvalue_stop=0.75",),
    "no way back": ("search.alpha_drop=0",),
    "no snapshot": ("search.snapshot=none",),
    "snapshot of the design": ("search.snapshot=design",),
}
"""Name → what is changed of the search without noise."""

STRATEGIES: dict[str, tuple[str, ...]] = {
    "supernet random": ("search.strategy=random",),
    "supernet evolution": ("search.strategy=evolution",),
    "supernet tpe": ("search.strategy=tpe",),
    "supernet reinforce": ("search.strategy=reinforce",),
    "trained random": (f"{TRAINED}random",),
    "trained evolution": (f"{TRAINED}evolution",),
    "trained tpe": (f"{TRAINED}tpe",),
    "trained reinforce": (f"{TRAINED}reinforce",),
}
"""Name → other strategies."""

GUESS = "loss.temperature=GUESSED"

GUESSES: dict[str, tuple[str, ...]] = {
    "wrong temperature": (GUESS,),
    "wrong temperature, pretuned": (GUESS, "search.pretune_temperatures=[0.25,0.5,2.0]"),
    "wrong temperature, three": (GUESS, "search.select_temperatures=[0.25,0.5,1.0]"),
}
"""Name → the default where its recipe is a guess, and what may mend it."""

METHODS: dict[str, tuple[str, ...]] = {
    "default": (),
    PLAIN: (BARE,),
    "alpha noise": ("search.alpha_noise=normal", "search.alpha_noise_scale=0.3"),
    **{name: (BARE, *words) for name, words in CHANGES.items()},
    **STRATEGIES,
    **GUESSES,
}
"""Name → what is changed of train.py's own search."""

BY_DATA = {
    # halfway and three quarters of the way: at the end of a warm-up no candidate is the weakest yet
    "SHRINK_AT": {"ml-100k": "[4,6]", "lastfm": "[10,15]"},
    # three times that of the experiment
    "GUESSED": {"ml-100k": "0.48", "lastfm": "0.9"},
}
"""Word of an override → what it is, by data set."""

RULES = {
    "default": ("argmax", "perturbation", "greedy", "sampled", "rescored", "two seeds", "three seeds"),
    PLAIN: ("argmax", "perturbation", "greedy", "rescored"),
    "single path": ("argmax",),
}
"""Method → other selections that are tried on its supernet, which is not trained again."""

SELECTS: dict[str, dict[str, Any]] = {
    **{rule: {"select": rule} for rule in SELECTIONS},
    "two seeds": {"select_seeds": 2},
    "three seeds": {"select_seeds": 3},
}
"""Name of a selection → what it changes of the method's settings of search."""


def overrides_of(method: str, name: str) -> tuple[str, ...]:
    """What a method changes, on a data set."""
    found = METHODS[method]
    for word, values in BY_DATA.items():
        found = tuple(override.replace(word, values[name]) for override in found)
    return found


def has_supernet(method: str) -> bool:
    """Whether the method trains one: not where a strategy trains each design by itself."""
    return not any(word.startswith(TRAINED) for word in METHODS[method])


def rules_of(method: str) -> tuple[str, ...]:
    """The other selections that are tried on the method's supernet."""
    return RULES.get(method, ())


def rule_name(method: str, rule: str) -> str:
    """The method of a row that another selection came to."""
    return f"rule {rule}" if method == "default" else f"{method}, {rule}"


def rows_of(method: str, rules: Collection[str] | None = None) -> set[Row]:
    """Kind and method of every row that a search comes to; it is done where all of them are written. rules:
    of other selections those alone; None: all."""
    tried = [rule for rule in rules_of(method) if rules is None or rule in rules]
    found = {("method", method), *(("method", rule_name(method, rule)) for rule in tried)}
    return found | ({("ranking", method)} if has_supernet(method) else set())
