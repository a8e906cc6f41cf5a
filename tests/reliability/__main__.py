"""`python -m tests.reliability [JOB...]`: does these jobs, or all, and writes `docs/reliability.md`.

Ends with 1 where a promise was not kept, or a job could not be carried out; the others are done all the same.
"""

from __future__ import annotations

import sys
import time
import traceback

from tests.lab.lab import unavailable
from tests.reliability.page import PAGE, written
from tests.reliability.table import JOBS


def main() -> int:
    names = sys.argv[1:] or list(JOBS)
    unknown = sorted(set(names) - set(JOBS))
    if unknown:
        print(f"reliability: no such job: {', '.join(unknown)}; there are: {', '.join(JOBS)}", file=sys.stderr)
        return 2
    if (reason := unavailable()) is not None:
        print(f"reliability: cannot make a network here: {reason}", file=sys.stderr)
        return 1
    bad = 0
    for name in names:
        print(f"{name}: {JOBS[name].title}", flush=True)
        began = time.monotonic()
        try:
            figures = JOBS[name].run()
        except Exception:
            traceback.print_exc()
            bad += 1
            continue
        for figure in figures:
            bad += not figure.kept
            mark = "" if figure.kept else "  NOT KEPT"
            print(f"  {figure.value:>16}  {figure.what}{f' ({figure.promised})' * bool(figure.promised)}{mark}")
        print(f"  done in {time.monotonic() - began:.0f} s", flush=True)
        before = PAGE.read_text("utf-8") if PAGE.exists() else ""
        PAGE.write_text(written(JOBS, {name: figures}, before), "utf-8")  # at once: an hour's work is not lost
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
