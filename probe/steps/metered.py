"""Whether the way out is one that is paid for by the byte, as far as this machine knows.

Law: nobody but this machine is asked: NetworkManager where it runs, which knows what its owner said and what a phone
that shares its line says; else the kernel, for links to a mobile network or to a phone. What is not known is not
metered.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_ASK = (
    "--system", "--timeout=2", "get-property", "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager", "Metered",
)  # fmt: skip
_YES, _NO, _GUESS_YES = 1, 2, 3  # NMMetered; 0 unknown, 4 probably not
_SECONDS = 3.0
_LINKS = Path("/sys/class/net")
_KINDS = {"wwan": "a mobile network", "bluetooth": "a phone, over Bluetooth"}
"""By DEVTYPE, as the kernel's driver calls it."""
_DRIVERS = {"rndis_host": "a phone, over USB", "ipheth": "a phone, over USB"}


async def metered(names: Sequence[str], links: Path = _LINKS) -> str | None:
    """Over what the way out leads, where it is metered; None where it is not, or nobody knows. `names` are those of the
    links that packets to the Internet leave by."""
    said = await _network_manager()
    if said in (_YES, _GUESS_YES):
        return "a connection that is set to be metered" if said == _YES else "a connection that seems to be metered"
    if said == _NO:
        return None
    return next((kind for name in names if (kind := _kind(links / name)) is not None), None)


async def _network_manager() -> int | None:
    """What NetworkManager says of the connection that is in use; None where it does not run, or is not to be asked."""
    program = shutil.which("busctl")
    if program is None:
        return None
    nobody = asyncio.subprocess.DEVNULL
    try:
        asked = await asyncio.create_subprocess_exec(
            program, *_ASK, stdin=nobody, stdout=asyncio.subprocess.PIPE, stderr=nobody
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_SECONDS):
            out, _ = await asked.communicate()
    except TimeoutError:
        out = b""
    finally:
        if asked.returncode is None:
            with suppress(ProcessLookupError):
                asked.kill()
            await asked.wait()
    words = out.split()
    return int(words[1]) if len(words) == 2 and words[0] == b"u" and words[1].isdigit() else None


def _kind(link: Path) -> str | None:
    """Over what a link leads, where that is usually metered."""
    with suppress(OSError):
        for line in (link / "uevent").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition("=")
            if key == "DEVTYPE" and value in _KINDS:
                return _KINDS[value]
    with suppress(OSError):
        return _DRIVERS.get((link / "device" / "driver").resolve(strict=True).name)
    return None
