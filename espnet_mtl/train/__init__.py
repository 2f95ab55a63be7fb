"""What training adds to ESPnet's data pipeline."""
