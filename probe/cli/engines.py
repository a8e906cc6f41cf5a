"""What reads databases and datasets for `compare`, `timeline` and `classify`: the option `--engine`, and what it opens.

Law: the engine changes nothing of what is printed. Where none is named, each file is read by what reads it fastest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli.errors import Refusal, Status

if TYPE_CHECKING:
    from probe.analysis import Cluster
    from probe.imports.datasets import Checked
    from probe.store import Engine
    from probe.store.engines import Tables
    from probe.store.engines.spark import Spark


class EngineName(StrEnum):
    """An engine."""

    SQLITE = "sqlite"
    DUCKDB = "duckdb"
    SPARK = "spark"


EngineOption = Annotated[
    EngineName | None,
    typer.Option(
        "--engine",
        help="What reads them: `sqlite`; `duckdb` (the extra `duckdb`); `spark` for Parquet datasets, on --master (the"
        " extra `spark`). The result is the same.",
        show_default="duckdb for Parquet datasets where it is installed, else sqlite",
    ),
]
MasterOption = Annotated[
    str | None, typer.Option("--master", metavar="URL", help="With --engine spark: Spark's master, spark://HOST:PORT.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Databases and datasets, and what opens them."""

    paths: Sequence[Path]
    engine: Engine
    cluster: Cluster | None = None


def check_engine(name: EngineName | None, master: str | None) -> None:
    """Raises Refusal where one is named without the other."""
    if name is EngineName.SPARK and master is None:
        raise Refusal("--engine spark: name its master with --master spark://HOST:PORT", Status.USAGE)
    if name is not EngineName.SPARK and master is not None:
        raise Refusal("--master is for --engine spark; leave it out, or name that engine", Status.USAGE)


@contextmanager
def opened(named: Sequence[Path], name: EngineName | None = None, master: str | None = None) -> Iterator[Opened]:
    """The files that were named, with a database that is thrown away in the place of each dataset that its engine does
    not read. Raises Refusal and StoreError."""
    from tempfile import TemporaryDirectory

    from probe.store.engines import open_sqlite

    check_engine(name, master)
    if name is EngineName.SPARK:
        with on_spark(named, master or "") as cluster:
            yield Opened(paths=named, engine=cluster.open, cluster=cluster)
        return
    as_parquet = name is EngineName.DUCKDB or (name is None and find_spec("duckdb") is not None)
    with TemporaryDirectory(prefix="probe-") as folder:
        paths, datasets = _read(named, Path(folder), as_parquet=as_parquet)
        if name is EngineName.DUCKDB or datasets:
            from probe.store.engines.duck import duck

            duckdb = duck(datasets)
            mixed = duckdb if name else lambda path: duckdb(path) if path in datasets else open_sqlite(path)
            yield Opened(paths=paths, engine=mixed)
        else:
            yield Opened(paths=paths, engine=open_sqlite)


@contextmanager
def on_spark(named: Sequence[Path], master: str) -> Iterator[Spark]:
    """A session on that master, for the Parquet datasets that were named. Raises Refusal and StoreError."""
    from probe.store.engines.spark import spark

    found = {path: dataset.parquet() for path, dataset in checked_datasets(named).items()}
    other = [path for path in named if found.get(path) is None]
    if other:
        reason = "Spark reads Parquet datasets; make one of it with: probe export --format parquet"
        raise Refusal("\n".join(f"{path.name}: {reason}" for path in other), Status.USAGE)
    with spark(master, {path: tables for path, tables in found.items() if tables is not None}) as cluster:
        yield cluster


def checked_datasets(named: Sequence[Path]) -> dict[Path, Checked]:
    """Of the files that were named, the datasets. Raises Refusal with a line for each that is none."""
    from probe.imports.datasets import checked
    from probe.imports.files import UnreadableError

    datasets, wrong = {}, []
    for path in named:
        if path.is_dir():
            try:
                datasets[path] = checked(path)
            except UnreadableError as error:
                wrong.append(str(error))
    if wrong:
        raise Refusal("\n".join(wrong), Status.CONFIGURATION)
    return datasets


def _read(named: Sequence[Path], folder: Path, *, as_parquet: bool) -> tuple[list[Path], dict[Path, Tables]]:
    """The databases to read, and the datasets that are read as they are."""
    from probe.imports.datasets import write_verdicts
    from probe.imports.files import UnreadableError

    paths, datasets, wrong = list(named), {}, []
    found = checked_datasets(named)
    for number, path in enumerate(named):
        if path not in found:
            continue
        tables = found[path].parquet() if as_parquet else None
        if tables is not None:
            datasets[path] = tables
            continue
        paths[number] = folder / str(number) / path.absolute().name
        paths[number].parent.mkdir()
        try:
            write_verdicts(found[path], paths[number])
        except UnreadableError as error:
            wrong.append(str(error))
    if wrong:
        raise Refusal("\n".join(wrong), Status.CONFIGURATION)
    return paths, datasets
