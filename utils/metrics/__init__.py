"""What is measured of a turn, and how it is shown to others."""
