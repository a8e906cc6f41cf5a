"""What OONI's words mean here: read in its files, and in the answers of its test helpers."""

HELPER_PREFIX = "ooni+"
"""Before the scheme of a test helper's URL, where a control is named: `ooni+https://HOST/path`."""
