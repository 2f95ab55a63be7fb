"""What stages 2 to 5 of ``asr_mtl.sh`` do to data directories."""
