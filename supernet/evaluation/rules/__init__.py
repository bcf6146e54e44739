"""Rules from experts over the lists of a model: read from a file, bound to the items, applied to scores."""

from supernet.evaluation.rules.apply import Rules, top_by_rules
from supernet.evaluation.rules.bind import Bound, bind, rules_for_new
from supernet.evaluation.rules.book import Book
from supernet.evaluation.rules.effects import effects
from supernet.evaluation.rules.packed import load_rules, save_rules
from supernet.evaluation.rules.read import read_rules

__all__ = [
    "Book",
    "Bound",
    "Rules",
    "bind",
    "effects",
    "load_rules",
    "read_rules",
    "rules_for_new",
    "save_rules",
    "top_by_rules",
]
