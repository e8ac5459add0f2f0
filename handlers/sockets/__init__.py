"""The raw-TCP way in and way out."""
