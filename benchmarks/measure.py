"""What the benchmarks share: data, interleaved timing, peak memory of a fresh process, JSON lines."""

from __future__ import annotations

import argparse
import gc
import json
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from supernet.data.dataset import Pairs, UserItems
from supernet.data.filters import clean
from supernet.data.readers import READERS
from supernet.data.splits import published_split
from supernet.runtime import keep_memory, versions

ROOT = Path(__file__).resolve().parents[1]
MIB = 2**20


def options(doc: str, add: Callable[[argparse.ArgumentParser], None] = lambda parser: None):
    """The command line that all benchmarks have, and the process set up as a run sets it up."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two repeats, small cases: does it run at all")
    parser.add_argument("--check", action="store_true", help="compare results, then stop without timing")
    parser.add_argument("--no-allocator", action="store_true", help="leave glibc's allocator as it is")
    add(parser)
    found = parser.parse_args()
    if found.quick:
        found.repeats = 2
    torch.set_num_threads(found.threads)
    if not found.no_allocator:
        keep_memory()
    return found


class Interactions:
    """Gowalla or another LightGCN folder: pairs of train and test, and sizes, as the paper protocol of
    derive.py has them (`published_split`: valid.txt is put back into train). share: of the train pairs."""

    def __init__(self, folder: Path, share: float = 1.0) -> None:
        data = published_split(clean(READERS["lightgcn"](path=str(folder))))
        self.n_users, self.n_items = data.n_users, data.n_items
        self.train, self.test = data.parts["train"], data.parts["test"]
        if share < 1.0:
            size = self.train.users.numel()
            kept = torch.randperm(size, generator=torch.Generator().manual_seed(0))[: int(share * size)]
            self.train = Pairs(self.train.users[kept], self.train.items[kept])

    def user_items(self, pairs: Pairs) -> UserItems:
        """The items of each user, ascending."""
        order = torch.argsort(pairs.users * self.n_items + pairs.items)
        counts = torch.bincount(pairs.users, minlength=self.n_users)
        return UserItems(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), pairs.items[order])


def interleaved(cases: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each repeat of each case, after one that is not counted; the cases take turns, so that a
    slow minute of the machine meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for repeat in range(repeats + 1):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return times


def ratios(times: dict[str, list[float]], above: str, below: str) -> list[float]:
    """above / below, repeat by repeat."""
    return [a / b for a, b in zip(times[above], times[below], strict=True)]


def row(name: str, values: list[float], unit: str, **more: object) -> None:
    """Print one JSON line: the median, its spread, the command, the machine and the versions."""
    line = {"name": name, "value": statistics.median(values), "unit": unit}
    if unit == "ratio":
        line["ratio"] = line["value"]
    line |= {"min": min(values), "max": max(values), "repeats": len(values)}
    same = {"command": command_line(), "processor": processor(), "commit": commit()} | versions()
    print(json.dumps(line | more | same), flush=True)


def command_line() -> str:
    """The command that was typed, to stand beside what it measured."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def processor() -> str:
    """The processor's name, and how many of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else platform.processor()


def commit() -> str:
    """The commit that is checked out, with "+" where files differ from it; empty outside a checkout."""
    command = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return done.stdout.strip()


def peak_memory() -> int:
    """Highest resident size of this process so far, bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def live_tensors() -> int:
    """Bytes of all dense tensors of the process in main memory, those that share memory counted once."""
    tensors = (found for found in gc.get_objects() if issubclass(type(found), torch.Tensor))
    dense = [tensor for tensor in tensors if (tensor.layout, tensor.device.type) == (torch.strided, "cpu")]
    storages = [tensor.untyped_storage() for tensor in dense]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


class Served:
    """A benchmark script that waits in a process of its own, and takes one timed step whenever it is called.

    So cases with different allocators can take turns. The script must call `serve` when it gets --serve.
    """

    def __init__(self, script: str, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments, "--serve"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )

    def __call__(self) -> float:
        """Seconds of one step, as the process itself measured them."""
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()


def serve(step: Callable[[], object]) -> None:
    """Take a step for every line that comes in, and answer with its seconds."""
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)


def fresh(script: str, *arguments: str) -> dict[str, float]:
    """Run a benchmark script in a process of its own; the last line it prints is JSON."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout.strip().splitlines()[-1])
