"""Target lists made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write_list(path: Path, targets: Sequence[str]) -> Path:
    """A service of these targets, in a file whose name is the service's."""
    head = f'title = "{path.stem}"\noperator = "Example"\nhomepage = "https://example.org/"\n'
    domains = 'domains = ["example.org"]\n'
    endpoint = (
        '[[endpoint]]\ntarget = "{}"\nrole = "web"\npurpose = "made up"\ncertainty = "documented"\nsource = "made up"\n'
    )
    path.write_text(head + domains + "".join(endpoint.format(target) for target in targets), "utf-8")
    return path
