"""Can the figures of an attack be relied on? Twelve gates, and what they found."""
