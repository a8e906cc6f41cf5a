"""Where a run that nobody watches does not measure: over a line that it was not meant for, or that costs its owner."""

from __future__ import annotations

from probe.cli.job import Job
from probe.model import Host

_ON_VPN = (
    "The way from here leads through a VPN ({vpn}), so a scheduled run would measure the VPN's network and not your"
    " provider's: nothing was measured (--allow-vpn measures all the same)."
)
_METERED = (
    "The way from here leads over {metered}, where a scheduled run would cost you: nothing was measured"
    " (--allow-metered measures all the same)."
)


def unwelcome(job: Job, host: Host) -> str | None:
    """Why this job is not to be done here, in one sentence; None where it may."""
    if not job.scheduled:
        return None
    if host.vpn is not None and not job.allow_vpn:
        return _ON_VPN.format(vpn=host.vpn)
    if host.metered is not None and not job.allow_metered:
        return _METERED.format(metered=host.metered)
    return None
