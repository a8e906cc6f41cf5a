"""One run as a verb asks for it: rooms wired, targets measured, verdicts recorded, then printed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from probe.budget import Meter
from probe.classify import Ground, classify, judge, rules_version
from probe.cli.beginning import GoesOnError, begin
from probe.cli.budgeting import meter_of, used_up
from probe.cli.clock import even_clock
from probe.cli.conduct import Conduct, begin_with, names_of
from probe.cli.desk import Desk, Shelf
from probe.cli.errors import Refusal, Status
from probe.cli.job import Job
from probe.cli.metrics import Tally
from probe.cli.recorder import Recorder
from probe.cli.unwelcome import unwelcome
from probe.form import dumps, result_json, service_verdict_json, store_check_json
from probe.identity import new_id
from probe.model import Measurement, Outcome, Result, Run, Target, Verdict
from probe.networks import NetworksError
from probe.plan import plan
from probe.report.host import trouble
from probe.report.stores import store_lines
from probe.report.terminal import service_line, summary, verdict_lines
from probe.run import spare_the_collector, unless
from probe.service import ServiceVerdict
from probe.steps.errors import HostExhaustedError
from probe.steps.host import look, public_roots, system_roots
from probe.steps.network import Network
from probe.store import Store, StoreError, Writer
from probe.storefront import StoreCheck
from probe.worker import Worker, hired

_STATUS = {signal.SIGINT: Status.SIGINT, signal.SIGTERM: Status.SIGTERM}

_NO_CONTROL = "No control vantage point is set (--control URL), so a failure seen here cannot be told from an outage."

_NO_THREAD = "can't start new thread"  # all that Python says, by a RuntimeError, where the system gives it none

_BESIDE = "Another scheduled run has been going on since {since:%Y-%m-%d %H:%M} UTC: nothing was measured twice."


@dataclass(slots=True)
class Session:
    """A job while it is carried out: what it has told so far, and who stopped it."""

    job: Job
    workers: Sequence[Worker] = ()
    """Those that measure; none where this process does it itself."""
    broken: str | None = None
    """How one of them ended before its work was done."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    judged: list[tuple[Target, Verdict]] = field(default_factory=list)
    """Of the whole run, what a killed process had measured of it too: the targets that say something of a service."""
    tally: Tally = field(default_factory=Tally)
    meter: Meter | None = None
    """What of the day's budget is used."""
    over_budget: bool = False
    """It was used up before the end."""
    stopped_by: signal.Signals | None = None
    lost: str | None = None
    """Why this machine has no network any more."""
    beside: bool = False
    """Another scheduled run goes on, and this one leaves everything to it."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    out: Console = field(default_factory=lambda: Console(highlight=False, markup=False, emoji=False, soft_wrap=True))
    err: Console = field(
        default_factory=lambda: Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    )

    in_colours: bool = field(init=False)
    """Somebody may see them: rich is asked once, since it looks anew each time."""

    def __post_init__(self) -> None:
        self.in_colours = self.out.is_terminal

    def take(self, result: Result) -> None:
        """Counts and prints one verdict of a measurement."""
        self.tally.take(result)
        self.show(result)

    def show(self, result: Result) -> None:
        """Prints one verdict."""
        self.outcomes[result.verdict.outcome] += 1
        if result.measurement.target.role is not None:
            self.judged.append((result.measurement.target, result.verdict))
        if self.job.by_service:
            return
        if self.job.json:
            print(dumps(result_json(result)), flush=True)
            return
        self._say(*verdict_lines(result))

    def _say(self, *lines: Text) -> None:
        """Prints lines. Where nobody sees their colours, rich is spared the work: it costs more than the verdict."""
        if self.in_colours:
            for line in lines:
                self.out.print(line)
        else:
            print("\n".join(line.plain for line in lines), flush=True)

    def concluded(self, run: Run) -> list[ServiceVerdict]:
        """What follows for those services that were measured as a whole."""
        version = rules_version(self.job.fingerprints)
        return [v for need in run.services if (v := judge(need, run.id, self.judged, version)) is not None]

    def show_services(self, run: Run, verdicts: Sequence[ServiceVerdict]) -> None:
        """Prints the verdicts on whole services."""
        if self.job.json and self.job.by_service:
            for verdict in verdicts:
                print(dumps(service_verdict_json(run, verdict)), flush=True)
        elif not self.job.json:
            if self.outcomes and verdicts and not self.job.by_service:
                self._say(Text())
            for verdict in verdicts:
                self._say(service_line(verdict))

    def show_store(self, check: StoreCheck) -> None:
        """Prints what was found in an app store, which is no verdict."""
        if self.job.json:
            print(dumps(store_check_json(check)), flush=True)
            return
        for line in store_lines(check):
            self._say(line)

    def status(self) -> Status:
        """What the process exits with (contract, Exit status)."""
        if self.stopped_by is not None:
            return _STATUS[self.stopped_by]
        if self.lost is not None:
            return Status.OFFLINE
        if self.broken is not None:
            return Status.FAILED
        if self.outcomes[Outcome.BLOCKED]:
            return Status.BLOCKED
        well = not self.over_budget and self.outcomes[Outcome.OK] == self.outcomes.total()
        return Status.OK if well else Status.NOT_OK


def carry_out(job: Job) -> Status:
    """Measures the targets of a job, records and prints the verdicts, and returns the exit status.

    Raises Refusal, with one line for the user, for a database that cannot be used and for a machine that is exhausted.
    """
    try:
        roots = system_roots()
    except (OSError, ValueError) as error:
        raise Refusal(f"trusted roots: {error}", Status.CONFIGURATION) from None
    network = Network(
        resolvers=job.resolvers,
        secure_resolver=job.secure_resolver,
        roots=roots,
        public_roots=public_roots(),
        timeouts=job.timeouts,
        networks=job.networks,
        now=even_clock(),
    )
    try:
        spare_the_collector()
        with hired(job.workers if job.workers > 1 else 0, begin_with(job, network)) as workers, _open(job) as store:
            session = Session(job, workers)
            status = asyncio.run(_carry_out_until_stopped(session, network, store))
            if job.metrics is not None and not session.beside:
                session.tally.write(job.metrics, store, status)
            return status
    except StoreError as error:
        raise Refusal(f"not recorded: {error}", Status.FAILED) from None
    except NetworksError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    except (HostExhaustedError, MemoryError, RuntimeError) as error:
        if type(error) is RuntimeError and str(error) != _NO_THREAD:
            raise
        what = f" ({error})" if str(error) else ""
        text = f"this machine has run out of descriptors or memory{what}; ask for less with --concurrency"
        raise Refusal(text, Status.FAILED) from None


@contextmanager
def _open(job: Job) -> Iterator[Store | None]:
    if job.database is None:
        yield None
        return
    try:
        store = Store.open(job.database)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    with store:
        yield store


async def _carry_out_until_stopped(session: Session, network: Network, store: Store | None) -> Status:
    with _stopping(session):
        return await _carry_out(session, network, store)


async def _carry_out(session: Session, network: Network, store: Store | None) -> Status:
    job = session.job
    looked = await unless(session.stop, look(network.resolvers, names_of(job.targets)))
    if looked is None:
        return session.status()
    host, resolvers = looked
    try:
        run, left = begin(job, host, store)
    except GoesOnError as other:
        session.err.print(_BESIDE.format(since=other.since))
        session.beside = True
        return Status.OFFLINE
    if run is None:
        session.err.print("There is no run to resume: every run in this database was finished.")
        return Status.OK
    session.tally.run = run
    if not host.online:
        return _tell_offline(session, run)
    if (why := unwelcome(job, host)) is not None:
        session.err.print(why)
        return Status.OFFLINE
    ground = Ground(run.host)
    session.meter = meter_of(job.budget, store)
    if len(left) < len(job.targets) and store is not None:
        session.judged += store.judged(run.id)
    finished = await _measure(session, run, ground, replace(network, resolvers=resolvers), left, store)
    session.tally.complete = finished
    _conclude(session, run, store)
    if finished and store is not None:
        store.finish_run(run.id, network.now())
    _close(session, replace(run, host=ground.host), len(left))
    return session.status()


def _conclude(session: Session, run: Run, store: Store | None) -> None:
    """Records and prints the verdicts on whole services."""
    session.tally.services = verdicts = session.concluded(run)
    if store is not None:
        store.add_service_verdicts(verdicts)
    session.show_services(run, verdicts)


async def _measure(
    session: Session, run: Run, ground: Ground, network: Network, targets: Sequence[Target], store: Store | None
) -> bool:
    """Measures the targets; True when all of them were, False when somebody stopped it."""
    job = session.job
    async with AsyncExitStack() as stack:
        recorder = None
        if store is not None:
            writer = await stack.enter_async_context(Writer(store))
            recorder = Recorder(run_id=run.id, ground=ground, store=store, writer=writer)
        advance = stack.enter_context(_progress(session, len(targets)))
        desk = Desk(recorder=recorder, advance=advance, show=session.take)

        async def take_store(check: StoreCheck) -> None:
            if store is not None:
                await asyncio.to_thread(store.add_store_check, check)
            session.show_store(check)

        conduct = Conduct(
            job=job,
            run=run,
            ground=ground,
            network=network,
            sink=desk.take,
            shelf=None if recorder is None else Shelf(desk, recorder),
            meter=session.meter,
            stop=session.stop,
        )
        tasks = plan(targets, seed=secrets.randbits(64), jitter=job.jitter)
        if session.workers:
            done = await conduct.by_workers(tasks, session.workers)
        else:
            done = await conduct.by_this_process(tasks, take_store)
        if recorder is not None:
            await recorder.note_host()
    session.lost, session.broken, session.over_budget = done.lost, done.broken, done.over_budget
    for problem in done.problems:
        session.err.print(f"control: {problem}")
    return done.finished


@contextmanager
def _stopping(session: Session) -> Iterator[None]:
    """SIGINT and SIGTERM end the run cleanly; a second one ends the process as the system would."""
    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        session.stopped_by = number
        session.stop.set()
        for each in _STATUS:
            loop.remove_signal_handler(each)

    for number in _STATUS:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in _STATUS:
            loop.remove_signal_handler(number)


@contextmanager
def _progress(session: Session, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, when that is a terminal and stdout is not one that verdicts already scroll over."""
    if not session.err.is_terminal or total < 2:
        yield lambda: None
        return
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=session.err, transient=True) as bar:
        task = bar.add_task("measuring", total=total)
        yield lambda: bar.advance(task)


def _tell_offline(session: Session, run: Run) -> Status:
    """No network: nothing is measured and nothing is recorded but the run; scripts get a line a target all the same."""
    job, host = session.job, run.host
    if job.json:
        for target in job.targets:
            empty = Measurement(
                id=new_id(run.started_at),
                run_id=run.id,
                target=target,
                vantage=job.vantage,
                started_at=run.started_at,
                runtime=0.0,
                observations=(),
            )
            session.show(Result(measurement=empty, controls=(), verdict=classify(empty, (), host, job.fingerprints)))
        session.show_services(run, session.concluded(run))
    session.err.print(f"This machine has no network: {host.why_offline}. Nothing was measured.")
    return Status.OFFLINE


def _close(session: Session, run: Run, planned: int) -> None:
    job = session.job
    if session.stopped_by is not None or session.lost is not None or session.broken is not None:
        left = planned - session.outcomes.total()
        why = f"Cut short, {session.broken}" if session.broken is not None else "Stopped"
        why = f"This machine lost its network on the way: {session.lost}" if session.lost is not None else why
        how = "; `probe run --resume` measures the rest" if job.command == "run" and job.database else ""
        session.err.print(f"{why}: {left} of {planned} not measured{how}.")
    if session.over_budget and session.meter is not None:
        resumable = job.command == "run" and job.database is not None
        session.err.print(used_up(session.meter, planned, session.outcomes.total(), resumable=resumable))
    for sentence in trouble(run.host):
        session.err.print(sentence)
    if not job.controls and session.outcomes[Outcome.INCONCLUSIVE]:
        session.err.print(_NO_CONTROL)
    kept = f" Recorded in {_short(job.database)}, run {run.id}." if job.database else ""
    session.err.print(f"{summary(session.outcomes)}.{kept}")


def _short(path: Path | None) -> str:
    near = path is not None and path.absolute().is_relative_to(Path.cwd()) and Path.cwd() != Path("/")
    return os.path.relpath(path) if path and near else str(path)
