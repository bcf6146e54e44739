"""users.parquet of a run folder: whose vector is in which row of the users' embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor

from supernet.config import TrainConfig
from supernet.data.readers.lightgcn import USERS as NAMES
from supernet.runtime import InputError, atomic_path

USERS = "users.parquet"
VERSION = "1"


@dataclass(frozen=True)
class UserIds:
    """The ids of the users of a run, (N_users,) str, in the order of its embeddings. numbers_of: the folder
    whose row numbers they are, or "" where they are ids that may mean the same elsewhere."""

    ids: np.ndarray
    numbers_of: str = ""

    @classmethod
    def of(cls, ids: np.ndarray, config: TrainConfig) -> UserIds:
        """Those of data read with `config`."""
        data = config.data
        numbered = data.reader == "lightgcn" and not (Path(data.path) / NAMES).exists()
        return cls(ids, str(Path(data.path).resolve()) if numbered else "")

    def save(self, path: Path) -> None:
        """Write them, with the version of the file."""
        head = {"version": VERSION, "numbers_of": self.numbers_of}
        table = pa.table({"user": pa.array(self.ids.tolist(), pa.string())}).replace_schema_metadata(head)
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary)

    @classmethod
    def load(cls, path: Path) -> UserIds:
        """Read what `save` wrote. Errors: InputError where it is missing, damaged or of another version."""
        if not path.is_file():
            raise InputError(
                f"{path}: no such file: the run is of a release that kept no ids of users; set "
                "init.users=false, or search anew"
            )
        try:
            table = pq.read_table(path)
            head = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
            version, ids = head.get("version"), np.array(table["user"].to_pylist(), dtype=object)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise InputError(f"{path}: not a table of the ids of users: {error}") from None
        if version != VERSION:
            raise InputError(f"{path}: its version is {version!r}; this release reads version {VERSION!r}")
        return cls(ids, head.get("numbers_of", ""))

    def shared(self, other: UserIds) -> tuple[Tensor, Tensor]:
        """The rows here, and the rows there, of the users that both have, (M,) int64 each; none where the ids
        are row numbers of different folders."""
        if self.numbers_of != other.numbers_of:
            return torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long)
        found = pc.index_in(_strings(self.ids), value_set=_strings(other.ids))
        there = torch.from_numpy(np.array(found.fill_null(-1), dtype=np.int64))
        here = (there >= 0).nonzero().flatten()
        return here, there[here]


def _strings(ids: np.ndarray) -> pa.Array:
    return pa.array(ids.tolist(), pa.string())
