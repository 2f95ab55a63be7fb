"""Training that resists: attacks inside the training step."""
