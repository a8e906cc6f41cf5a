"""`make check-oonidata`: OONI's own package reads what `probe export --format ooni` writes.

Its dependencies cannot stand beside ours, so that it is put into an environment of its own, named by OONIDATA_PYTHON.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from probe.cli.exporting import export_dataset
from probe.cli.importing import import_files
from tests.exports.world import fill
from tests.imports.sampled import NAMES, path_of

_READ = """
import json, sys
from collections import Counter
from oonidata.models.nettests import SUPPORTED_CLASSES
from oonidata.models.nettests.web_connectivity import WebConnectivity

assert WebConnectivity in SUPPORTED_CLASSES
seen = Counter()
for line in open(sys.argv[1], "rb"):
    read, row = WebConnectivity.from_dict(json.loads(line)), json.loads(line)
    assert read.input == row["input"] and read.probe_cc == row["probe_cc"], row["input"]
    assert str(read.measurement_start_time) in (row["measurement_start_time"], row["measurement_start_time"] + "+00:00")
    keys = row["test_keys"]
    for name in ("queries", "tcp_connect", "tls_handshakes", "requests", "network_events"):
        parts = getattr(read.test_keys, name) or []
        assert len(parts) == len(keys[name] or []), (row["input"], name)
        seen[name] += len(parts)
        for part, written in zip(parts, keys[name] or []):
            failure = part.status.failure if name == "tcp_connect" else part.failure
            told = written["status"]["failure"] if name == "tcp_connect" else written["failure"]
            assert failure == told, (row["input"], name, failure, told)
    assert read.test_keys.blocking == keys["blocking"], row["input"]
    seen["measurements"] += 1
print(", ".join(f"{count} {name}" for name, count in sorted(seen.items())))
"""


def main() -> int:
    python = os.environ["OONIDATA_PYTHON"]
    with tempfile.TemporaryDirectory(prefix="oonidata-") as folder:
        for name, path in (("ours", Path(folder) / "ours.sqlite"), ("OONI's own", Path(folder) / "theirs.sqlite")):
            if name == "ours":
                fill(path)
            else:
                with redirect_stdout(sys.stderr):
                    import_files([path_of(each) for each in NAMES if each.startswith("web_")], db=path)
            output = Path(folder) / path.stem
            export_dataset(output=output, form="ooni", db=path, bodies=True)
            words = [python, "-c", _READ, str(output / "web_connectivity.jsonl")]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
            print(f"of {name}: {done.stdout.strip() or 'not read'}")
            if done.returncode:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
