"""What was tried, what came of it, and how it scored: types, one writer, one reader.

Everything that a report, a study or another program reads of an attack is defined here.
Needs neither torch nor ESPnet.
"""
