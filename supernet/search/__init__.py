"""Bilevel search: relaxations, hypergradients, the alternating loop, selection rules."""
