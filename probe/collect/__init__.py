"""A collector: takes what probes upload, keeps it, and merges it into one database."""
