"""Derive, tune and prove a searched architecture: `python derive.py --help`."""

from supernet.cli import derive

if __name__ == "__main__":
    derive()
