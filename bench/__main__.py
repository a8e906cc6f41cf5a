"""`make bench`: CPU seconds of this program and of the naive one for the same targets, in one run, interleaved.

Both run as whole processes inside the lab, behind the same router, against the same servers. CPU and not wall time is
compared, since the lab's servers share the machine. The ratio holds; the absolute figures are this machine's.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from tests.lab.lab import World, unavailable
from tests.lab.scenarios.scenario import PAGE, at, https
from tests.lab.spec import Spec

_TARGETS, _ROUNDS = 100, 5
_MEASURED = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
    " used = resource.getrusage(resource.RUSAGE_CHILDREN); print(used.ru_utime + used.ru_stime)"
)


def cpu(world: World, argv: Sequence[str]) -> float:
    """CPU seconds of a command, with its start."""
    return float(world.run([sys.executable, "-c", _MEASURED, *argv], timeout=300).stdout.split()[-1])


def main() -> int:
    reason = unavailable()
    if reason is not None:
        print(f"bench: cannot make a network here: {reason}", file=sys.stderr)
        return 1
    names = [f"b{number}.example" for number in range(_TARGETS)]
    urls = [f"https://{name}/" for name in names]
    spec = Spec(sites=tuple(https(name, at(1 + number), page=PAGE) for number, name in enumerate(names)))
    spent: dict[str, list[float]] = {"probe": [], "naive": []}
    with World(spec) as world:
        for number in range(_ROUNDS):
            here = world.home / f"{number}"
            ours = ["probe", "check", "--control", "none", "--db", f"{here}.probe.sqlite"]
            naive = [sys.executable, "-m", "bench.naive", f"{here}.naive.sqlite"]
            for name, argv in (("probe", ours), ("naive", naive)):
                sizes = (urls[:1], urls)  # the start is in both, and goes out
                one, all_of_them = (cpu(world, [*argv[:-1], f"{argv[-1]}.{len(s)}", *s]) for s in sizes)
                spent[name].append((all_of_them - one) / (_TARGETS - 1))
    each = {name: statistics.median(seconds) * 1000 for name, seconds in spent.items()}
    print(f"HTTPS check of {_TARGETS} targets, CPU for each, median of {_ROUNDS} rounds")
    for name, milliseconds in each.items():
        print(f"  {name:<8} {milliseconds:6.2f} ms")
    print(f"  naive / probe: {each['naive'] / each['probe']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
