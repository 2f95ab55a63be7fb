"""The packed model: packing, safe unpacking, comparing. Needs no torch."""
