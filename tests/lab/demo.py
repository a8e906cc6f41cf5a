"""`make demo`: the main job in a simulated country, where a provider blocks LINE by DNS and WeChat by name.

Everything happens in network namespaces that this program makes and that end with it: nothing is installed, no packet
leaves the machine, and no network is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.lab.lab import World, unavailable
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.spec import Certificate, Lie, Page, Reset, Rule, Site, Sni, Spec

LISTS = Path(__file__).parent / "demo"
STUB = "192.175.48.66"

COUNTRY = Spec(
    sites=(
        Site(name="www.wechat.com", addresses=("192.31.196.10",), page=Page(title="WeChat")),
        Site(name="line.me", addresses=("192.31.196.20",), page=Page(title="LINE")),
        Site(name="www.bbm.com", addresses=("192.31.196.30",), page=Page(title="BBM")),
        Site(name="stub.provider.example", addresses=(STUB,), certificate=Certificate.SELF_SIGNED),
    ),
    lies=(Lie(name="line.me", addresses=(STUB,)),),
    rules=(Rule(when=Sni(name="wechat.com"), do=Reset()),),
)


def main() -> int:
    reason = unavailable()
    if reason is not None:
        print(f"demo: cannot make a simulated network here: {reason}", file=sys.stderr)
        return 1
    with World(COUNTRY) as world, control(world):
        database = ("--db", str(world.home / "demo.sqlite"))
        print(f"$ probe run --control {CONTROL_URL}", flush=True)
        ran = probe(world, "run", "--targets", str(LISTS), "--control", CONTROL_URL, *database)
        print(ran.stdout)
        blocked = lines(probe(world, "results", "--json", "--outcome", "blocked", "--service", "wechat", *database))
        if not blocked:
            print(ran.stderr, file=sys.stderr)
            return 1
        measurement = blocked[0]["measurement_id"]
        print(f"$ probe explain {measurement}")
        print(probe(world, "explain", measurement, *database).stdout, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
