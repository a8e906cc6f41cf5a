"""Measurements that others made, read from files: one file a format."""
