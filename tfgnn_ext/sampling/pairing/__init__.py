"""Seeds that are pairs, on Beam."""
