"""How a search runs."""

from __future__ import annotations

from dataclasses import dataclass, field

BILEVEL = "bilevel"
ADVISOR = "advisor"
COSTS = ("dense", "sampled", "partial")
EVALUATIONS = ("inherited", "trained")
FREEZES = ("none", "embeddings")
TEMPERATURES = ("fixed", "learned")
SNAPSHOTS = ("none", "design", "mixture")


@dataclass
class AdvisorSettings:
    """How strategy=advisor asks a language model on an OpenAI-compatible server, $OPENAI_BASE_URL up to /v1,
    with $OPENAI_API_KEY where it wants one.

    model: its name on that server; it must be given. batch: designs a request. temperature: of its sampling;
    null: the server's own. timeout: seconds that an answer may take. tries: of a request that fails in
    passing.
    """

    model: str | None = None
    batch: int = 8
    temperature: float | None = None
    timeout: float = 120.0
    tries: int = 6


@dataclass  # not frozen: it is the schema of the config node too, and omegaconf makes frozen nodes read-only
class SearchSettings:
    """Numbers of the search.

    Who chooses. strategy: "bilevel", the alternating loop below, or a name in STRATEGIES, which asks for
    designs one by one; evaluate: these are scored "inherited", by a supernet whose weights are trained for
    `epochs` on paths drawn uniformly, or "trained", each anew for select_steps batches; budget: at most so
    many of them, and none after so many seconds (null: no bound). The best select_pool of them go through
    successive halving. advisor: the language model that strategy=advisor asks.

    What a step computes. cost: "dense": all candidates of every slot, "sampled": one path drawn anew for each
    step, "partial": all candidates of the aggregate slots on the share `channels` of the channels, sym on the
    others. norm: how candidates are evened, one of `ops.mixture.NORMS`.

    The loop. epochs: passes over the train pairs. warmup: of those, epochs in which only weights are trained,
    at most all but the last. average: decay of the moving average of the weights, by which the mixture and
    designs with inherited weights are scored (0: the weights as they are). order: hypergradient, by name.
    alpha_lr: of Adam on the alphas. alpha_batch_size: pairs of an alpha step. alpha_every: weight steps for
    each alpha step. alpha_drop: where the mixture ranks valid worse than it did at its best by more than this
    share, alphas go back to that epoch's and move no more, the weights alone go on (0: they always move).
    freeze: what the search takes as it is, "none" or "embeddings", which then come from `embeddings`, the
    folder of a search on the same data, split and seed, or where that is null from `pretrain_epochs` of MF.

    The recipe. pretune_temperatures, pretune_lrs: LightGCN is trained first, at the recipe's own temperature
    and at these times it, then at these times the learning rate; the best on valid is the recipe of the
    search, and what derive.py begins with (empty: the recipe as it is).

    The mixture. relaxation: name in RELAXATIONS; its temperature goes from temperature_start to
    temperature_end by temperature_schedule. alpha_noise: what is added to the alphas in each step, by name in
    NOISES, times alpha_noise_scale; with Gumbel noise each step has one candidate or two of a slot ahead, in
    turn, so that weights do not rely on all of them together ("none": the mixture itself). The mixture that
    is ranked has none.

    What alphas learn from. objective: name in OBJECTIVES; view_dropout: edges that a view of "contrastive"
    lacks. alpha_temperature: of a softmax loss on the alpha part, "fixed", the recipe's, or "learned".
    cost_weight, parameter_weight: of the expected milliseconds of a step and of the expected parameters, each
    over the most that a design of the space has; epochs that are kept, selections but argmax, and strategies
    go by scores less the same.

    Against collapse. idle, beta, zero_one: weights of the regularisers of these names; beta's grows from 0.
    auxiliary_skip: share of a layer's input that is added to its output, falling to 0. shrink_at: epochs
    after which the weakest candidate of every slot is dropped. eigenvalue_every: epochs between looks at the
    dominant eigenvalue (0: none, or one where eigenvalue_stop is set); eigenvalue_stop: stop where the mean
    size of two looks over that of the two that follow falls below this share, and go back to the alphas of
    the second of the four (0: never; looks are from the end of the warm-up on).
    snapshot: what the search takes at the end: "mixture", alphas and weights of the epoch whose mixture
    ranked best on valid; "design", the alphas of the epoch whose argmax did, with inherited weights; "none",
    those of the last epoch.

    The choice. select: selection rule of the loop, by name; select_pool and select_steps: designs and batches
    of the first round of short trainings, which rank valid halfway too and stop without gain, the next two
    rounds train fewer designs three and nine times as long; select_seeds: trainings of each design of the
    last round, with seeds of their own, whose mean decides, as near designs are told apart by luck otherwise;
    select_temperatures: each is trained at these times the recipe's temperature, and the best counts. settle:
    at the end train the weights on under the chosen design alone, until it ranks valid as well as the mixture
    did, looked at four times an epoch, so many epochs at most (0: none). checkpoint_every: weight steps
    between checkpoints, beside the one that ends an epoch (0: none). explain: at the end, score the chosen
    design with each slot changed, for the report.
    """

    strategy: str = "bilevel"
    evaluate: str = "inherited"
    budget: int = 200
    seconds: float | None = None
    advisor: AdvisorSettings = field(default_factory=AdvisorSettings)
    cost: str = "dense"
    channels: float = 0.25
    norm: str = "scale"
    epochs: int = 8
    warmup: int = 2
    average: float = 0.95
    order: str = "first_order"
    alpha_lr: float = 0.005
    alpha_batch_size: int = 2048
    alpha_every: int = 1
    alpha_drop: float = 0.03
    freeze: str = "none"
    embeddings: str | None = None
    pretrain_epochs: int = 10
    pretune_temperatures: list[float] = field(default_factory=list)
    pretune_lrs: list[float] = field(default_factory=list)
    relaxation: str = "softmax"
    temperature_start: float = 1.0
    temperature_end: float = 0.5
    temperature_schedule: str = "geometric"
    alpha_noise: str = "gumbel"
    alpha_noise_scale: float = 1.0
    objective: str = "held_out"
    view_dropout: float = 0.2
    alpha_temperature: str = "fixed"
    cost_weight: float = 0.0
    parameter_weight: float = 0.0
    idle: float = 0.0
    beta: float = 0.0
    zero_one: float = 0.0
    auxiliary_skip: float = 0.0
    shrink_at: list[int] = field(default_factory=list)
    eigenvalue_every: int = 0
    eigenvalue_stop: float = 0.0
    snapshot: str = "mixture"
    select: str = "screened"
    select_pool: int = 15
    select_steps: int = 90
    select_seeds: int = 1
    select_temperatures: list[float] = field(default_factory=lambda: [1.0])
    settle: int = 8
    checkpoint_every: int = 0
    explain: bool = True
