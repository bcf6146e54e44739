"""What each source of knowledge is worth: the derived model without it, or with one that it does not take."""

from __future__ import annotations

import logging
from dataclasses import replace

from supernet.pipeline.contenders import ABLATION, Contender
from supernet.search.selection import Choices, sources, takes, with_source, without
from supernet.search.selection.sources import TEXT, added_views, exchanged, read_views, without_view
from supernet.space import SearchSpace, identity_of

VIEWS = 4
"""So many views of the texts that the derived model does not read have a row each."""


def ablations(derived: Contender, searched: SearchSpace, log: logging.Logger) -> list[Contender]:
    """A contender for every source that designs of `searched` can take beside ids and interactions: "derived
    without text" where the derived model reads texts, "derived with trust" where it does not take that
    relation. Of several views of the texts each has a row: "derived with text (image)" where it reads none,
    else "derived with text (image) instead" of its own. Recipe, fusion and seeds are the derived model's;
    nothing is tuned or chosen anew. The log tells of sources without a row, as none computes anything else.
    """
    found, same = [], identity_of(searched)
    for source in sources(searched):
        rows = _rows(searched, derived.choices, source, log)
        rows = {name: c for name, c in rows.items() if same(c) != same(derived.choices)}
        if not rows:
            log.info("ablate: no row for %s: no layer of the derived model can be made to read it", source)
        for name, choices in rows.items():
            space, note = searched.fixed(choices), "derived's recipe"
            found.append(replace(derived, name=name, space=space, note=note, tuned=None, fusion_seconds=0.0))
    return found


def _rows(space: SearchSpace, design: Choices, source: str, log: logging.Logger) -> dict[str, Choices]:
    """Name → design, of one source."""
    taken = takes(space, design, source)
    rows = {f"{ABLATION}out {source}": without(design, source)} if taken else {}
    if source != TEXT:
        return rows or {f"{ABLATION} {source}": one for one in with_source(space, design, source)}
    views = list(added_views(space))
    if len(views) == 1:
        return rows or {f"{ABLATION} {TEXT}": one for one in with_source(space, design, TEXT)}
    read = read_views(design)
    left = [view for view in views if view not in read]
    if len(read) > 1:
        rows |= {f"{ABLATION}out {TEXT} ({view})": without_view(design, view) for view in read}
    if left[VIEWS:]:
        log.info("ablate: no rows for the views %s: the first %d have one", ", ".join(left[VIEWS:]), VIEWS)
    if taken:
        others = {f"{TEXT} ({view}) instead": exchanged(space, design, view) for view in left}
    else:
        added = with_source(space, design, TEXT)
        others = {f"{TEXT} ({view})": one for view, one in zip(views, added, strict=True)}
    return rows | {f"{ABLATION} {name}": others[name] for name in [*others][:VIEWS]}
