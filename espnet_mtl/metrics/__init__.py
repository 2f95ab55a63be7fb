"""Word errors, distortion, accent scores, intervals: text and samples, no model."""
