"""Searches an architecture and writes its run folder; `python train.py --help` lists the keys."""

from supernet.cli import train

if __name__ == "__main__":
    train()
