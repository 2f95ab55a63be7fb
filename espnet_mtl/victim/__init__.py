"""A packed model as a victim: strict loading, padding taken out, losses."""
