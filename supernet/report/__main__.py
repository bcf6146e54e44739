"""`python -m supernet.report run=<folder>` writes report.html into a run folder."""

from __future__ import annotations

import sys
from pathlib import Path

from supernet.report.page import write_report
from supernet.runtime import InputError


def main(words: list[str]) -> int:
    """Write the page; 0, or 2 with one message where something is wrong."""
    key, equals, folder = words[0].partition("=") if len(words) == 1 else ("", "", "")
    if key != "run" or not equals or not folder:
        print("usage: python -m supernet.report run=<folder of a finished train.py>", file=sys.stderr)
        return 2
    try:
        print(f"report: {write_report(Path(folder))}")
    except InputError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
