"""Decoding text and accent."""
