"""A packed model as a victim: loaded strictly, without effects of padding."""
