"""Accent classifiers on top of a recogniser's encoder."""
