"""What OONI's words mean here: read in its files, and in the answers of its test helpers."""
