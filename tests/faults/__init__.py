"""Faults of the machine, made for real while `probe` runs: nothing that was told is lost, and the next run is right."""
