"""One thin command-line entry per module."""
