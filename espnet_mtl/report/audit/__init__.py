"""Can the figures of an attack be relied on? Thirteen gates, and what they found."""
