"""The schemas of what is read and how it is cut into parts: a reader's and a split's arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING


@dataclass
class DataConfig:
    """What every reader has. `reader` is its name; the fields that a schema below adds are the reader's
    arguments."""

    reader: str = MISSING
    min_rating: float | None = None  # keep pairs rated at least so; null: all
    min_user: int = 0  # k-core: pairs a user must have
    min_item: int = 0  # k-core: pairs an item must have


@dataclass
class Ml100kData(DataConfig):
    """MovieLens-100K as the wheel recbole==1.2.1 carries it."""

    path: str | None = None  # a folder with ml-100k.inter and ml-100k.item; null: the installed wheel


@dataclass
class TableData(DataConfig):
    """One csv, tsv or parquet file of interactions, or one a part."""

    path: str = MISSING  # the file (csv, tsv, parquet; .gz)
    name: str | None = None  # of the data set; null: the file's
    user: str = "user"  # column of user ids
    item: str = "item"  # column of item ids
    rating: str | None = None  # column of ratings
    time: str | None = None  # column of times, in seconds or ISO
    format: str | None = None  # csv, tsv or parquet; null: from the suffix
    delimiter: str | None = None
    encoding: str = "utf-8"
    quote: str | None = '"'
    undirected: bool = False  # users and items are the same people, and a pair has no direction: friends
    alpha_path: str | None = None  # files of given parts, for split=given
    valid_path: str | None = None
    test_path: str | None = None
    items_path: str | None = None  # a table of items
    items_id: str | None = None  # its id column; null: as `item`
    title: list[str] = field(default_factory=list)  # its columns that name an item
    text: list[str] = field(default_factory=list)  # its columns that describe an item


@dataclass
class LightgcnData(DataConfig):
    """A folder of train.txt, test.txt and perhaps valid.txt, `user item item …` a line."""

    path: str = MISSING
    name: str | None = None


@dataclass
class RecboleData(DataConfig):
    """A folder of RecBole atomic files."""

    path: str = MISSING
    name: str | None = None  # of the files; null: the folder's
    user: str = "user_id"
    item: str = "item_id"
    rating: str | None = "rating"
    time: str | None = "timestamp"
    title: list[str] = field(default_factory=list)
    text: list[str] | None = None  # null: all text fields
    encoding: str = "utf-8"


@dataclass
class PlantedData(DataConfig):
    """Synthetic interactions whose right answer is known."""

    operator: str = "sym"  # the aggregator that the search should find
    users: int = 150
    items: int = 100
    groups: int = 5
    hubs: int = 30  # items that everybody may have
    explorers: int = 30  # users who may have everything
    appeal: float = 0.5  # probability of both
    seed: int = 0  # of the data


@dataclass
class SplitConfig:
    """How interactions are cut into parts; the fields that a schema below adds are the split's arguments."""

    method: str = MISSING
    cold: str = "none"  # items, users: some are held out of all parts, and evaluated as new ones
    cold_share: float = 0.1  # of them, a half for choices and a half for the test
    cold_history: float = 0.8  # of a new user's pairs, which are given


@dataclass
class RatioSplit(SplitConfig):
    """Shares of every user's pairs, at random (ratio), or of all pairs by time (time)."""

    alpha: float = 0.1
    valid: float = 0.1
    test: float = 0.2


@dataclass
class GivenSplit(SplitConfig):
    """The files' own parts; alpha and valid, where missing, are these shares of train."""

    alpha: float = 0.1
    valid: float = 0.1
    cut: str = (
        "random"  # last: each user's last pairs in the order of the file, where that is the order of time
    )
