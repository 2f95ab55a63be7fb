"""Tools for data directories, under Kaldi's names in ``utils/`` of a recipe."""
