"""Attacks on a victim's waveform; tensors only, but for :mod:`.runner`."""
