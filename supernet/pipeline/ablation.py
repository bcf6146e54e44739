"""What each source of knowledge is worth: the derived model without it, or with one that it does not take."""

from __future__ import annotations

from dataclasses import replace

from supernet.pipeline.contenders import ABLATION, Contender
from supernet.search.selection import sources, takes, with_source, without
from supernet.space import SearchSpace


def ablations(derived: Contender, searched: SearchSpace) -> list[Contender]:
    """A contender for every source that designs of `searched` can take beside ids and interactions: "derived
    without text" where the derived model reads texts, "derived with trust" where it does not take that
    relation (of several ways, the first). Recipe, fusion and seeds are the derived model's; nothing is tuned
    or chosen anew.
    """
    found = []
    for source in sources(searched):
        taken = takes(derived.choices, source)
        others = (
            [without(derived.choices, source)] if taken else with_source(searched, derived.choices, source)
        )
        for choices in others[:1]:
            name = f"{ABLATION}out {source}" if taken else f"{ABLATION} {source}"
            space, note = searched.fixed(choices), "derived's recipe"
            found.append(replace(derived, name=name, space=space, note=note, tuned=None, fusion_seconds=0.0))
    return found
