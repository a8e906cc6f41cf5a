"""What a control bears on this machine: `python -m tests.abuse [SECONDS]` (20); a line each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.abuse.world import ROOT


def main() -> int:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "20"
    with tempfile.TemporaryDirectory(prefix="probe-abuse-") as folder:
        words = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.abuse.world")
        subprocess.run([*words, folder, seconds], cwd=ROOT, check=True)
        said = json.loads((Path(folder) / "said.json").read_text())
    honest = said["clients"]["honest"]
    print(f"{said['requests_a_second']:.0f} requests a second answered, beside 1200 slow clients and others")
    answered, failed = honest["statuses"].get("200", 0), len(honest["wrong"])
    print(f"{answered} honest questions answered, {failed} not; {honest['slowest']:.1f} s at most")
    print(f"{said['memory_more'] / 2**20:.0f} MiB more memory at most, {said['descriptors_most']} descriptors")
    print(f"{len(said['clients']['forbidden']['wrong'])} connections that may not be")
    return 0 if said["alive"] and not honest["wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())
