"""Running: one YAML file, its stages, the run directory, the report."""
