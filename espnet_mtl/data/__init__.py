"""Kaldi-style data directories: read, check, fix, format. Imports no ESPnet."""
