"""Derives, tunes and tests the model of a run folder; `python derive.py --help` lists the keys."""

from supernet.cli import derive

if __name__ == "__main__":
    derive()
