"""Which models are trained, and where each has its hyper-parameters from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from ops.registry import plain_name
from supernet.config import load_published, load_space, published_names
from supernet.evaluation.baselines import BASELINES
from supernet.pipeline.bench import Bench
from supernet.pipeline.cold import ranks_valid
from supernet.pipeline.contenders import DERIVED, Contender, is_rival
from supernet.pipeline.recipes import Recipes
from supernet.pipeline.stages import recipe_of, space_of
from supernet.pipeline.tuned import contrasted, tuned
from supernet.runtime import InputError
from supernet.search.selection import in_slots
from supernet.space import Genotype, SearchSpace, identity_of
from supernet.training.recipe import Recipe

OWN_STREAM = 1 << 20
"""Added to the seed of a search: its strategies draw designs by the seed itself (torch reads 32 bits)."""

LEADERS = ("lightgcn", DERIVED)
"""Whose tuned recipe the models without their own take: the first that has one."""


def choose(
    bench: Bench, genotype: Genotype, taken: Recipes | None, journal: Path, log: logging.Logger
) -> list[Contender]:
    """Every model to train, with its recipe: `taken` over, or tuned; for paper, with fixed epochs."""
    names = [name for name in bench.derive.baselines if name not in BASELINES]
    designs = genotype.designs()
    compared = [design for design in designs if ranks_valid(bench.run, design)] or designs
    spaces = {DERIVED: compared[0]} | {name: fixed_space(name) for name in names}
    drawn = random_designs(bench, genotype)
    if taken is None:
        among = with_that_of_start(bench, compared[: bench.derive.designs])
        searched = float(genotype.metrics.get("seconds", 0.0))
        found = _tuned(bench, spaces, drawn, among, searched, journal, log)
    else:
        found = _taken(spaces, drawn, taken, designs, space_of(bench.run.space), bool(bench.derive.fuse))
    if bench.derive.protocol == "paper":
        return [_with_fixed_epochs(contender, bench.derive.epochs) for contender in found]
    return [replace(contender, epochs=0) for contender in found]


def with_that_of_start(bench: Bench, designs: list[SearchSpace]) -> list[SearchSpace]:
    """The designs and that of the run to begin with, where valid ranks it too and it computes something
    else."""
    other = None if bench.start is None else bench.start.design
    if other is None or not ranks_valid(bench.run, other):
        return designs
    known = {_identity(design) for design in designs}
    return designs if _identity(other) in known else [*designs, other]


def _identity(design: SearchSpace) -> str:
    return identity_of(design)({slot: names[0] for slot, names in design.candidates().items()})


def fixed_space(name: str) -> SearchSpace:
    """A fixed space of conf/space, or that of a published model. Errors: InputError where it is not fixed."""
    space = space_of(load_published(name)[0] if name in published_names() else load_space(name))
    if space.choices():
        raise InputError(f"baselines: space {name!r} has open slots; name a fixed one, such as lightgcn")
    return space


def random_designs(bench: Bench, genotype: Genotype) -> dict[str, SearchSpace]:
    """Designs drawn from the space that was searched, by name; others than a search by the same seed drew."""
    space = space_of(bench.run.space)
    generator = torch.Generator().manual_seed(genotype.seed + OWN_STREAM)
    draws = [space.sample(generator) for _ in range(bench.derive.random_genotypes)]
    return {f"random {i + 1}": space.fixed(draw) for i, draw in enumerate(draws)}


def _tuned(
    bench: Bench,
    spaces: dict[str, SearchSpace],
    drawn: dict[str, SearchSpace],
    designs: list[SearchSpace],
    searched: float,
    journal: Path,
    log: logging.Logger,
) -> list[Contender]:
    """The models that derive.tune names with a recipe of their own, equally many trials each, LightGCN first:
    the others try its recipe too. Those that are not named have LightGCN's. Where one of them is a design of
    the space that was searched and ranks better on valid than the derived model, it is the derived model.

    designs: among which the derived model's tuning chooses. searched: seconds of the search.
    """
    wanted, seed = bench.derive.tune, bench.derive.seeds[0]
    own = {n: space for n, space in spaces.items() if n in wanted or "all" in wanted}
    own = {name: space for name, space in own.items() if name not in published_names() or name in wanted}
    own |= drawn if "random" in wanted or "all" in wanted else {}
    found: dict[str, Contender] = {}
    for name in sorted(own, key=lambda name: name != LEADERS[0]):
        several = designs if name == DERIVED else [own[name]]
        found[name] = tuned(bench, name, several, journal, seed, log, _leaders_recipe(found, name))
    if DERIVED in found and ranks_valid(bench.run, found[DERIVED].space):
        ranked = {name: one for name, one in found.items() if ranks_valid(bench.run, one.space)}
        found[DERIVED] = _best_known({DERIVED: found[DERIVED]} | ranked, space_of(bench.run.space), log)
    if bench.derive.equal_seconds and DERIVED in found:
        found |= _tuned_on(bench, spaces, found, searched, journal, log)
    like = next((found[n] for n in LEADERS if n in found and found[n].tuned is not None), None)
    for name, space in (spaces | drawn).items():
        if name in published_names() and name not in found:
            found[name] = Contender(name, space, load_published(name)[1], "its published recipe")
        elif name not in found:
            recipe = recipe_of(bench.run) if like is None else like.recipe
            note = "the run's recipe" if like is None else f"{like.name}'s recipe"
            recipe, plain = contrasted(recipe, [space])
            told = "; ".join(filter(None, [note, plain]))
            found[name] = Contender(name, space, recipe, told, lent=like is not None)
    return [*(found[name] for name in spaces), *(with_first_seed(found[name]) for name in drawn)]


def _leaders_recipe(found: Mapping[str, Contender], name: str) -> Recipe | None:
    """What the tuning of the model `name` tries beside the run's recipe."""
    leader = LEADERS[0]
    return (
        None if name == leader or name in published_names() or leader not in found else found[leader].recipe
    )


def _tuned_on(
    bench: Bench,
    spaces: Mapping[str, SearchSpace],
    found: Mapping[str, Contender],
    searched: float,
    journal: Path,
    log: logging.Logger,
) -> dict[str, Contender]:
    """The baseline that ranks best on valid, tuned on for the seconds of the search and of all tuning that
    the derived model was chosen by. Not of its fusion."""
    scores = {n: one.tuned.score for n, one in found.items() if n in spaces and one.tuned is not None}
    rivals = [name for name in scores if is_rival(name)]
    own = found[DERIVED].tuned
    if not rivals or own is None:
        return {}
    best = max(rivals, key=lambda name: scores[name])
    log.info("%s: tuned on, for as many seconds as the search and the derived model's tuning took", best)
    same = bench, best, [spaces[best]], journal, bench.derive.seeds[0], log, _leaders_recipe(found, best)
    return {best: tuned(*same, seconds=searched + own.seconds)}


def _best_known(found: Mapping[str, Contender], searched: SearchSpace, log: logging.Logger) -> Contender:
    """The tuned contender with the best valid score among the derived one and those that are designs of
    `searched`, as the derived one; its tuning took the seconds of all of these."""
    rivals: dict[str, Mapping[str, str]] = {}
    for name, contender in found.items():
        same = contender.choices.keys() == searched.candidates().keys()
        choices = contender.choices if same else in_slots(searched, contender.space)
        if name != DERIVED and contender.space.layers == searched.layers and searched.holds(choices):
            rivals[name] = choices
    tuned = {name: one for name in (DERIVED, *rivals) if (one := found[name].tuned) is not None}
    if not tuned:
        return found[DERIVED]
    best = max(tuned, key=lambda name: tuned[name].score)
    chosen = found[best]
    if best != DERIVED:
        log.info("derived: %s ranks best on valid, and is a design of the space: it is taken", best)
        note = f"{best}'s design and recipe, best on valid; {chosen.note}"
        chosen = replace(chosen, name=DERIVED, space=searched.fixed(rivals[best]), note=note)
    seconds = sum(one.seconds for one in tuned.values())
    return replace(chosen, tuned=replace(tuned[best], seconds=seconds))


def _taken(
    spaces: dict[str, SearchSpace],
    drawn: dict[str, SearchSpace],
    taken: Recipes,
    designs: list[SearchSpace],
    searched: SearchSpace,
    fuses: bool,
) -> list[Contender]:
    """Every model with its recipe, epochs and, where it `fuses`, fusion of the other run; random designs with
    the recipe and epochs of the first of LEADERS that is there."""
    found = []
    for name, space in spaces.items():
        other = taken.of(name)
        design = _design(designs if name == DERIVED else [space], searched, taken, name)
        fusion = other.fusion if fuses else None
        found.append(
            Contender(
                name,
                design,
                other.recipe,
                taken.note,
                epochs=other.epochs,
                fusion=fusion,
                lent=other.lent,
            )
        )
    leader = next(contender for name in LEADERS for contender in found if contender.name == name)
    leader = replace(leader, fusion=None)
    note = f"{leader.name}'s {taken.note}"
    return found + [
        with_first_seed(replace(leader, name=name, space=s, note=note, lent=True))
        for name, s in drawn.items()
    ]


def _design(designs: list[SearchSpace], searched: SearchSpace, taken: Recipes, name: str) -> SearchSpace:
    """That of the designs which the other run chose, with the numbers that it chose; of the derived model any
    design of the space `searched`. Errors: InputError for another design."""
    choices = taken.of(name).choices
    other = {slot: plain_name(choice) for slot, choice in choices.items()}
    for space in designs:
        if {slot: plain_name(names[0]) for slot, names in space.candidates().items()} == other:
            return space.fixed(choices)
    if name == DERIVED and searched.holds(choices):
        return searched.fixed(choices)
    raise InputError(f"{taken.path}: {name} is another design there; derive the other run anew")


def with_first_seed(contender: Contender) -> Contender:
    """The contender, to be trained with the first seed alone; its note says so."""
    note = contender.note if contender.once else f"{contender.note}, first seed alone"
    return replace(contender, once=True, note=note)


def _with_fixed_epochs(contender: Contender, epochs: int) -> Contender:
    """epochs: of all models; 0: those taken over with the recipe."""
    epochs = epochs or contender.epochs
    recipe = replace(contender.recipe, epochs=epochs)
    return replace(contender, recipe=recipe, epochs=epochs, note=f"{contender.note}; {epochs} epochs")
