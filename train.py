"""Search an architecture: `python train.py --help`."""

from supernet.cli import train

if __name__ == "__main__":
    train()
