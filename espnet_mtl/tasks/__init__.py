"""The task class: the only place that speaks to ESPnet's task machinery."""
