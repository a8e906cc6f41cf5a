"""Runs into parcels: the dataset that `probe export` makes of each, redacted and signed, in one file.

Law: a parcel is on the disk before it is recorded as packed. Killed in between, the run is packed again; the collector
knows by the measurements what it has already.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.exports import About, ExportError, Redacted, Seen, export
from probe.parcel import LARGEST, SUMS, id_of, pack
from probe.redaction import Redactor
from probe.store import Dataset, Filter, Store
from probe.upload.outbox import Outbox

MOST_WAITING = 64 << 20
"""Bytes of parcels beside the database; with as many waiting, what is recorded stays in the database until there is
room."""


def pack_new(
    store: Store, outbox: Outbox, redactor: Callable[[Dataset], Redactor], about: About, key: Ed25519PrivateKey
) -> int:
    """Packs the runs that ended and were not packed, oldest first, as far as there is room; gives the number of new
    parcels. To be called while alone in the outbox. Raises ExportError, StoreError and OSError; what was packed until
    then stays."""
    uploads, made = store.uploads(), 0
    for run_id, measurements in uploads.to_pack().items():
        if outbox.size() >= MOST_WAITING:
            break
        parcels = []
        for part in uploads.parts(run_id):
            with store.dataset(part) as dataset:
                parcels.append(_pack(dataset, part, outbox, redactor(dataset), about, key))
        uploads.note_packed(run_id, measurements, tuple(parcels))
        made += len(parcels)
    return made


def _pack(
    dataset: Dataset, part: Filter, outbox: Outbox, redactor: Redactor, about: About, key: Ed25519PrivateKey
) -> str:
    with outbox.making() as folder:
        files, parcel = folder / "dataset", folder / "parcel"
        export(Redacted(dataset, redactor), files, about, Seen(), key)
        size = pack(files, parcel)
        if size > LARGEST:
            raise ExportError(f"a parcel of run {part.run_id} is over {LARGEST >> 20} MiB: no collector takes it")
        name = id_of((files / SUMS).read_bytes())
        outbox.add(parcel, name)
        return name
