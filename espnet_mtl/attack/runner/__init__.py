"""Run an attack on a data directory: the part of attacking that touches files."""
