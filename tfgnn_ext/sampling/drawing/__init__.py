"""One operation of a plan on Beam."""
