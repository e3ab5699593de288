"""Files on any of Beam's file systems."""
