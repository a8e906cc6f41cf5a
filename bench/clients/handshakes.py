"""The floor: a connect and a verified TLS handshake, on blocking sockets, one after the other, with one context.

python -m bench.clients.handshakes LIST ADDRESS
"""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main(urls: list[str], address: str) -> int:
    """How many were good."""
    context = ssl.create_default_context()
    good = 0
    for url in urls:
        with (
            socket.create_connection((address, 443)) as sock,
            context.wrap_socket(sock, server_hostname=urlsplit(url).hostname) as session,
        ):
            good += session.version() is not None
    return good


if __name__ == "__main__":
    print(main(Path(sys.argv[1]).read_text().split(), sys.argv[2]))
