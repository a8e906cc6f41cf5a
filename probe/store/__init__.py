"""The database: the only room that knows SQL."""

from probe.store.care import Pruned, Stats
from probe.store.datasets import Dataset, other_database
from probe.store.engines import Engine
from probe.store.health import Unreached
from probe.store.history import Histories, History, Unconcluded
from probe.store.keeping import Trimmed
from probe.store.merging import Merged, MergeError, Source
from probe.store.problem import StoreError
from probe.store.process import is_alive, process_token
from probe.store.publishing import QUESTIONS, Question, write_copy
from probe.store.queries import Filter
from probe.store.registers import Registers
from probe.store.rows import observations_as_rows, observations_from_rows
from probe.store.store import Store
from probe.store.uploads import Uploads
from probe.store.writer import Writer

__all__ = [
    "QUESTIONS",
    "Dataset",
    "Engine",
    "Filter",
    "Histories",
    "History",
    "MergeError",
    "Merged",
    "Pruned",
    "Question",
    "Registers",
    "Source",
    "Stats",
    "Store",
    "StoreError",
    "Trimmed",
    "Unconcluded",
    "Unreached",
    "Uploads",
    "Writer",
    "is_alive",
    "observations_as_rows",
    "observations_from_rows",
    "other_database",
    "process_token",
    "write_copy",
]
