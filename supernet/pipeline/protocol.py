"""The two protocols: strict, the default, and paper, which is flagged wherever a number of it stands."""

from __future__ import annotations

from supernet.config import DeriveConfig, TrainConfig, published_names
from supernet.runtime import InputError

PROTOCOLS = {
    "strict": (
        "PROTOCOL strict: alpha and valid parts apart from train, every choice made there, the test part "
        "opened once"
    ),
    "paper": (
        "PROTOCOL paper: fixed epochs, published split without a validation part; comparable with published "
        "tables, not a claim of generalisation"
    ),
}
"""Name → what it says of a number."""


def setting(run: TrainConfig, config: DeriveConfig) -> str:
    """The rest of what a number depends on, in a few sentences."""
    parts = "train + alpha + valid"
    refit = f"refitted on {parts}" if config.refit else "trained on train + alpha"
    trained = refit if config.protocol == "strict" else f"trained once on {parts}, the published train file"
    own = [name for name in config.baselines if name in published_names()]
    but = f" but {', '.join(own)}, with the published recipe" if own else ""
    held = (
        "" if run.split.cold == "none" else f", {run.split.cold_share:.0%} of the {run.split.cold} held out"
    )
    held += ", choices by the held out" if run.eval.cold else ""
    return (
        f"Split {run.split.method}{held}, seed {run.seed}; {len(config.seeds)} training seeds; full ranking, "
        f"items known to the user left out; {trained}; loss {run.loss.name}, the same for all{but}. Seconds: "
        "the derived model's search, tuning where a model has its own, and the mean of the trainings."
    )


def check_run(run: TrainConfig, protocol: str) -> None:
    """Errors: InputError where the paper protocol is asked of a run whose split is not the published one."""
    if protocol != "paper":
        return
    if run.split.method != "given":
        raise InputError(
            f"protocol=paper needs the published split, and this run cut its own (split={run.split.method}); "
            "search with split=given on files of parts, or use protocol=strict"
        )
    if run.split.cold != "none":
        raise InputError(
            f"protocol=paper needs the published split as it is, and split.cold={run.split.cold} holds pairs "
            "of it out; search with split.cold=none, or use protocol=strict"
        )
    for key in ("min_user", "min_item", "min_rating"):
        value = getattr(run.data, key)
        if value:
            raise InputError(
                f"protocol=paper needs the published split as it is, and data.{key}={value} drops pairs of "
                "it; search without this filter, or use protocol=strict"
            )
