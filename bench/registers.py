"""`python -m bench.registers [ROWS]`: seconds to index a register of 1.5 million rows, and to look a target up in it.

The register is made up, in the form and the proportions of Roskomnadzor's dump: most entries are a name with its
addresses, some are pages, some wildcards, some addresses and prefixes alone; a hundredth of the names is Cyrillic.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from probe.imports.registers import RegisterFile
from probe.register import wanted
from probe.store import Store
from probe.targets import parse_one

_ROWS = 1_500_000
_LOOKUPS = 2_000
_AUTHORITIES = ("Роскомнадзор", "ФНС", "Генпрокуратура", "Мосгорсуд", "суд", "МВД")
_TOP = ("com", "ru", "net", "org", "xn--p1ai")


def rows(count: int) -> Iterator[str]:
    """The lines of a dump, the same each time."""
    chance = random.Random(1)  # noqa: S311 - no secret
    yield "Updated: 2017-05-04 10:00:00 +0000\n"
    for number in range(count):
        kind, word = chance.random(), "казино" if number % 100 == 0 else "casino"
        name = f"{word}-{chance.getrandbits(40):x}.{chance.choice(_TOP)}"
        addresses = " | ".join(_address(chance) for _ in range(chance.choice((1, 1, 2, 2, 4))))
        domain, url = name, ""
        if kind < 0.05:
            addresses, domain = (f"{_address(chance)}/24" if kind < 0.01 else addresses), ""
        elif kind < 0.25:
            url = f"http://{name}/page/{chance.getrandbits(32):x}.html"
        elif kind < 0.3:
            domain = f"*.{name}"
        day = f"20{chance.randint(13, 26)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        yield f"{addresses};{domain};{url};{chance.choice(_AUTHORITIES)};27-31-{number}/Ид{number};{day}\n"


def _address(chance: random.Random) -> str:
    return ".".join(str(each) for each in chance.getrandbits(32).to_bytes(4, "big"))


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "dump.csv"
        with path.open("w", encoding="windows-1251") as file:
            file.writelines(rows(count))
        with Store.open(Path(folder) / "probe.sqlite") as store:
            for what in ("indexed", "replaced"):
                used, seconds = _index(store, path)
                size = path.stat().st_size >> 20
                print(f"{what} {count} rows, {size} MiB: {seconds:.1f} s, {used:.1f} s of them CPU", flush=True)
            print(f"the database takes {store.path.stat().st_size >> 20} MiB")
            _look_up(store, min(count, 50_000))
    return 0


def _index(store: Store, path: Path) -> tuple[float, float]:
    begun, used = time.perf_counter(), time.process_time()
    file = RegisterFile.open(path)
    store.replace_register(file.register("bench", "RU"), file.entries(), lambda: file.damaged)
    return time.process_time() - used, time.perf_counter() - begun


def _look_up(store: Store, count: int) -> None:
    chance = random.Random(2)  # noqa: S311 - no secret
    names = [name for line in rows(count) if (name := line.partition(";")[2].partition(";")[0])]
    targets = [parse_one(f"https://www.{chance.choice(names).removeprefix('*.')}/") for _ in range(_LOOKUPS)]
    with store.registers() as registers:
        for what, addresses in (("name", ()), ("name and two addresses", ("192.31.196.1", "192.31.196.2"))):
            questions = [wanted(target, addresses) for target in targets]
            used = time.process_time()
            found = sum(standing.by is not None for each in questions for standing in registers.standings(each))
            each = (time.process_time() - used) / _LOOKUPS * 1_000_000
            print(f"looked up by {what}: {each:.0f} microseconds each, {found} of {_LOOKUPS} found")


if __name__ == "__main__":
    sys.exit(main())
