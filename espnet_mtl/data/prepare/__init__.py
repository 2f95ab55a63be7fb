"""From a corpus as it is published to data directories.

A reader (``own_corpus.py`` for your own, ``egs2/<corpus>/asr_mtl1/local`` for those
that have a recipe) makes a list of clips. ``prepare.py`` then takes out what cannot be
used, gives accents their classes, shares speakers out to the sets, writes them, and
accounts for every clip.
"""
