"""The report in a few sentences: questions, and what was measured of them."""
