"""WeChat's own name service over plain HTTP: the page that its app asks first, where its other hosts are.

Each client is given other addresses, so two answers are never the same page; what they share is their form.
"""

from __future__ import annotations

import re

_ANSWER = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<dns>.{0,2000}?<retcode>\s*-?\d", re.DOTALL)


def recognise(body: bytes) -> bool:
    """The element `dns` with a `retcode`, whatever it says."""
    return _ANSWER.match(body) is not None
