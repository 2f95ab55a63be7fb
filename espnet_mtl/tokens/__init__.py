"""What a model can write, and what fits into its audio."""
