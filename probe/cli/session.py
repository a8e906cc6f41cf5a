"""One run as a verb asks for it: rooms wired, targets measured, verdicts recorded, then printed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from probe.address import parse
from probe.budget import Meter
from probe.classify import Ground, classify, judge, rules_version
from probe.cli.app_stores import ask_stores
from probe.cli.beginning import GoesOnError, begin
from probe.cli.budgeting import meter_of, used_up
from probe.cli.clock import even_clock
from probe.cli.errors import Refusal, Status
from probe.cli.job import Job
from probe.cli.metrics import Tally
from probe.cli.recorder import Recorder
from probe.cli.unwelcome import unwelcome
from probe.control import clients_of
from probe.form import dumps, result_json, service_verdict_json, store_check_json
from probe.identity import new_id
from probe.model import Measurement, Outcome, Result, Run, Target, Verdict
from probe.networks import NetworksError
from probe.outage import Outage
from probe.plan import Task, plan
from probe.report.host import trouble
from probe.report.stores import store_lines
from probe.report.terminal import service_line, summary, verdict_lines
from probe.run import Runner, spare_the_collector, unless
from probe.service import ServiceVerdict
from probe.steps.errors import HostExhaustedError
from probe.steps.host import look, public_roots, system_roots
from probe.steps.network import Network
from probe.store import Store, StoreError, Writer
from probe.storefront import StoreCheck

_STATUS = {signal.SIGINT: Status.SIGINT, signal.SIGTERM: Status.SIGTERM}

_NO_CONTROL = "No control vantage point is set (--control URL), so a failure seen here cannot be told from an outage."

_NO_THREAD = "can't start new thread"  # all that Python says, by a RuntimeError, where the system gives it none

_BESIDE = "Another scheduled run has been going on since {since:%Y-%m-%d %H:%M} UTC: nothing was measured twice."


@dataclass(slots=True)
class Session:
    """A job while it is carried out: what it has told so far, and who stopped it."""

    job: Job
    outcomes: list[Outcome] = field(default_factory=list)
    judged: list[tuple[Target, Verdict]] = field(default_factory=list)
    """Of the whole run, what a killed process had measured of it too."""
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

    def show(self, result: Result) -> None:
        """Prints one verdict."""
        self.outcomes.append(result.verdict.outcome)
        self.judged.append((result.measurement.target, result.verdict))
        if self.job.by_service:
            return
        if self.job.json:
            print(dumps(result_json(result)), flush=True)
            return
        for line in verdict_lines(result):
            self._say(line)

    def _say(self, line: Text) -> None:
        """Prints a line. Where nobody sees its colours, rich is spared the work: it costs more than the verdict."""
        if self.out.is_terminal:
            self.out.print(line)
        else:
            print(line.plain, flush=True)

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
        if Outcome.BLOCKED in self.outcomes:
            return Status.BLOCKED
        well = not self.over_budget and all(outcome is Outcome.OK for outcome in self.outcomes)
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
        with _open(job) as store:
            spare_the_collector()
            session = Session(job)
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
        run, done = begin(job, host, store)
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
    left = [target for target in job.targets if (target.name, target.service) not in done]
    tasks = plan(left, seed=secrets.randbits(64), jitter=job.jitter)
    ground = Ground(run.host)
    session.meter = meter_of(job.budget, store)
    if done and store is not None:
        session.judged += store.judged(run.id)
    finished = await _measure(session, run, ground, replace(network, resolvers=resolvers), tasks, store)
    session.tally.complete = finished
    _conclude(session, run, store)
    if finished and store is not None:
        store.finish_run(run.id, network.now())
    _close(session, replace(run, host=ground.host), len(tasks))
    return session.status()


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where the results of a run arrive: recorded at once, shown once they are settled."""

    session: Session
    recorder: Recorder | None
    advance: Callable[[], None]
    """Another target is measured."""
    _waiting: set[str] = field(default_factory=set)
    """The measurements whose verdicts are not settled."""

    async def take(self, result: Result, settled: bool) -> None:
        if self.recorder is not None:
            await self.recorder.put(result)  # what was printed is in the file
        key = result.measurement.id
        if key not in self._waiting:
            self.advance()
        if not settled:
            self._waiting.add(key)
            return
        self._waiting.discard(key)
        if self.recorder is not None:
            self.recorder.forget(result)
        self.session.tally.take(result)
        self.session.show(result)


def names_of(targets: Sequence[Target]) -> list[str]:
    """The names that are asked for, each once."""
    return list(dict.fromkeys(target.host for target in targets if parse(target.host) is None))


def _conclude(session: Session, run: Run, store: Store | None) -> None:
    """Records and prints the verdicts on whole services."""
    session.tally.services = verdicts = session.concluded(run)
    if store is not None:
        store.add_service_verdicts(verdicts)
    session.show_services(run, verdicts)


async def _measure(
    session: Session, run: Run, ground: Ground, network: Network, tasks: Sequence[Task], store: Store | None
) -> bool:
    """Measures the tasks; True when all of them were, False when somebody stopped it."""
    job = session.job
    async with AsyncExitStack() as stack:
        clients = clients_of(job.controls, network.now)
        for client in clients:
            await stack.enter_async_context(client)
        recorder = None
        if store is not None:
            writer = await stack.enter_async_context(Writer(store))
            recorder = Recorder(run_id=run.id, ground=ground, store=store, writer=writer)
        advance = stack.enter_context(_progress(session, len(tasks)))
        desk = Desk(session=session, recorder=recorder, advance=advance)

        async def take_store(check: StoreCheck) -> None:
            if store is not None:
                await asyncio.to_thread(store.add_store_check, check)
            session.show_store(check)

        runner = Runner(
            run_id=run.id,
            vantage=job.vantage,
            ground=ground,
            fingerprints=job.fingerprints,
            network=network,
            pace=job.pace,
            controls=clients,
            outage=Outage(resolvers=network.resolvers, names=names_of(job.targets)),
            sink=desk.take,
            locate=job.locate,
            meter=session.meter,
            stop=session.stop,
        )
        finished = await runner.run(tasks)
        session.lost = runner.lost
        session.over_budget = not finished and runner.lost is None and not session.stop.is_set()
        if recorder is not None:
            await recorder.note_host()
        if finished and job.stores is not None:
            finished = await ask_stores(job.stores, runner, take_store)
    for problem in dict.fromkeys(problem for client in clients for problem in client.problems):
        session.err.print(f"control: {problem}")
    return finished


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
    if session.stopped_by is not None or session.lost is not None:
        left = planned - len(session.outcomes)
        why = f"This machine lost its network on the way: {session.lost}" if session.lost is not None else "Stopped"
        how = "; `probe run --resume` measures the rest" if job.command == "run" and job.database else ""
        session.err.print(f"{why}: {left} of {planned} not measured{how}.")
    if session.over_budget and session.meter is not None:
        resumable = job.command == "run" and job.database is not None
        session.err.print(used_up(session.meter, planned, len(session.outcomes), resumable=resumable))
    for sentence in trouble(run.host):
        session.err.print(sentence)
    if not job.controls and any(o is Outcome.INCONCLUSIVE for o in session.outcomes):
        session.err.print(_NO_CONTROL)
    kept = f" Recorded in {_short(job.database)}, run {run.id}." if job.database else ""
    session.err.print(f"{summary(session.outcomes)}.{kept}")


def _short(path: Path | None) -> str:
    near = path is not None and path.absolute().is_relative_to(Path.cwd()) and Path.cwd() != Path("/")
    return os.path.relpath(path) if path and near else str(path)
