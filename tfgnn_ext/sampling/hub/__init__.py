"""Sources with more edges than one block should hold."""
