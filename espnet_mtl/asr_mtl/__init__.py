"""The multi-task recogniser: an ESPnet ASR model with an accent branch."""
