"""Accent multi-task training and adversarial evaluation for ESPnet2 recognisers."""

__version__ = "0.1.0"
