"""Reading tables on Beam."""
