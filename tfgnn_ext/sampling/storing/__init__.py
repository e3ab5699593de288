"""Features once, on Beam."""
