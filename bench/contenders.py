"""Who is measured: each as one row, with how it is started.

Law: a contender's CPU is that of its own process only, as the kernel counts it. What its start costs goes out, since
each is run on a short list and on a long one, and the difference is what counts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.ground import RESOLVER, WEB
from bench.servers import ZONE, Servers

_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST = 1800.0
PROVERS = 10
PROBE = str(Path(sys.executable).with_name("probe"))
FAST = ("--rate", "1000000", "--control", "none")
"""As many new measurements a second as come."""


class FailedError(Exception):
    """A contender that did not do what was asked: its figure would be of something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all of them stand on."""

    home: Path
    servers: Servers
    concurrency: int = 250

    def targets(self, kind: str, count: int, first: int = 0) -> Path:
        """A list of so many targets, each of a name of its own. `kind` is what stands around the number."""
        path = self.home / f"list-{kind.replace('/', '-').replace(':', '')}-{first}-{count}.txt"
        if not path.exists():
            path.write_text("".join(f"{kind.format(number)}\n" for number in range(first, first + count)))
        return path

    def proven(self, kind: str, count: int) -> Path:
        """The same with a few HTTPS targets before them, which prove that no stranger answers for all: in a run without
        one, every verdict waits for the end. They are in the short list and in the long one, and so go out."""
        path = self.targets(kind, count).with_suffix(".proven")
        provers = "".join(f"{HTTPS.format(f'p{number}')}\n" for number in range(PROVERS))
        path.write_text(provers + self.targets(kind, count).read_text())
        return path

    def fresh(self, name: str) -> Path:
        """A path at which nothing is."""
        path = self.home / name
        for each in (path, *path.parent.glob(f"{name}-*")):
            each.unlink(missing_ok=True)
        return path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SSL_CERT_FILE": str(self.servers.roots), "PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a process took."""

    cpu: float
    wall: float
    status: int
    said: str


def run(bench: Bench, argv: Sequence[str]) -> Spent:
    """Runs a program to its end. Raises FailedError where it takes half an hour."""
    output, begun = bench.home / "output", time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(
            argv, env=bench.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - begun > _LONGEST:
                process.kill()
            time.sleep(0.005)
    process.returncode = os.waitstatus_to_exitcode(status)
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - 2000))
        said = file.read().decode("utf-8", "replace")
    return Spent(
        cpu=used.ru_utime + used.ru_stime, wall=time.perf_counter() - begun, status=process.returncode, said=said
    )


Measure = Callable[[Bench, int], float]
"""CPU seconds for so many targets, the start included. Raises FailedError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way of doing it."""

    key: str
    title: str
    measure: Measure
    missing: Callable[[], str | None] = lambda: None
    """What is not installed here, so that it cannot be measured."""
    per: int = 1
    """How many things are done for each target."""


HTTPS, HTTP, H2, NAME = (
    f"https://n{{}}.web.{ZONE}/",
    f"http://n{{}}.web.{ZONE}/",
    f"https://n{{}}.two.{ZONE}/",
    f"dns://n{{}}.web.{ZONE}",
)


def _counting(kind: str, *argv: str, database: bool = False, more: Sequence[str] = ()) -> Measure:
    """A program that prints how many were answered."""

    def measure(bench: Bench, count: int) -> float:
        words = [*argv, str(bench.targets(kind, count)), *more]
        if database:
            words.append(str(bench.fresh("naive.sqlite")))
        spent = run(bench, words)
        if spent.status != 0 or spent.said.split()[-1:] != [str(count)]:
            raise FailedError(f"{' '.join(argv)}: not all of {count} were answered: {spent.said[-300:]}")
        return spent.cpu

    return measure


def _probe(kind: str) -> Measure:
    """This program, as anybody calls it. Without a control, only what a certificate proves is called `ok`."""

    def measure(bench: Bench, count: int) -> float:
        database = bench.fresh("probe.sqlite")
        spent = run(bench, probe_run(bench.proven(kind, count), database, bench.concurrency))
        if spent.status not in (0, 4) or f"\n{count + PROVERS} targets: " not in spent.said:
            raise FailedError(f"probe run: not all of {count} were measured: {spent.said[-300:]}")
        return spent.cpu

    return measure


def probe_run(targets: Path, database: Path, concurrency: int, *more: str) -> list[str]:
    """The command for a run over a list, as fast as it goes."""
    words = [PROBE, "run", "--targets", str(targets), "--db", str(database), "--concurrency", str(concurrency)]
    return [*words, *FAST, *more]


def _client(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", f"bench.clients.{name}"


def _go(bench: Bench) -> Path:
    """The client in Go, built where it is not built yet, from the standard library alone."""
    built = bench.home / "go-client"
    if not built.exists():
        source = Path(__file__).parent / "clients" / "go" / "main.go"
        environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""}
        words = [_go_tool() or "go", "build", "-o", str(built), str(source)]
        built_it = subprocess.run(words, env=environment, capture_output=True, text=True)
        if built_it.returncode != 0:
            raise FailedError(f"go build: {built_it.stderr.strip()[-300:]}")
    return built


def _go_tool() -> str | None:
    return shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")


def _measure_go(kind: str) -> Measure:
    def measure(bench: Bench, count: int) -> float:
        return _counting(kind, str(_go(bench)), more=(WEB, str(bench.servers.roots)))(bench, count)

    return measure


_EXPORTER = "prometheus-blackbox-exporter"
_MODULE = """
modules:
  https:
    prober: http
    timeout: 20s
    http: {{preferred_ip_protocol: ip4, enable_http2: false, tls_config: {{ca_file: {roots}}}}}
"""
_PORT = 9115


def _measure_exporter(bench: Bench, count: int) -> float:
    """The exporter is asked by this process, and its own CPU is read from /proc. It resolves each name, as we do."""
    conf = bench.home / "exporter.yml"
    conf.write_text(_MODULE.format(roots=bench.servers.roots))
    words = [_EXPORTER, f"--config.file={conf}", f"--web.listen-address=127.0.0.1:{_PORT}", "--log.level=error"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            urls = bench.targets(HTTPS, count).read_text().split()
            _await_port()
            with ThreadPoolExecutor(20) as pool:
                good = sum(pool.map(_ask_exporter, urls))
            used = _cpu_of(process.pid)
        finally:
            process.terminate()
    if good != count:
        raise FailedError(f"{_EXPORTER}: {good} of {count} succeeded")
    return used


def _await_port() -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/-/healthy", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def _ask_exporter(url: str) -> bool:
    asked = f"http://127.0.0.1:{_PORT}/probe?module=https&target={url}"
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return b"\nprobe_success 1" in answer.read()


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process that goes on."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _measure_wrk(bench: Bench, count: int) -> float:
    """wrk goes by time: its CPU for each request, times the count."""
    url = HTTPS.format(0)
    seconds = max(1, count // 400)
    spent = run(bench, ["wrk", "-t1", "-c50", f"-d{seconds}s", "-H", "Connection: close", url])
    words = spent.said.split()
    if "requests" not in words:
        raise FailedError(f"wrk: {spent.said[-300:]}")
    return spent.cpu / int(words[words.index("requests") - 1]) * count


def _needs(program: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"{program} is not installed"


CONTENDERS: tuple[Contender, ...] = (
    Contender(key="https", title="HTTPS check, judged and recorded", measure=_probe(HTTPS)),
    Contender(
        key="naive-https",
        title="httpx + dnspython + one insert each",
        measure=_counting(HTTPS, *_client("naive"), database=True),
    ),
    Contender(
        key="go",
        title="Go net/http (no DNS, nothing recorded)",
        measure=_measure_go(HTTPS),
        missing=lambda: None if _go_tool() else "no Go toolchain",
    ),
    Contender(key="exporter", title=_EXPORTER, measure=_measure_exporter, missing=_needs(_EXPORTER)),
    Contender(
        key="handshakes",
        title="TLS handshakes alone (module ssl, blocking)",
        measure=_counting(HTTPS, *_client("handshakes"), more=(WEB,)),
    ),
    Contender(key="wrk", title="wrk (TLS unverified, HTTP)", measure=_measure_wrk, missing=_needs("wrk")),
    Contender(key="h2", title="HTTPS check over HTTP/2", measure=_probe(H2)),
    Contender(key="http", title="HTTP check, judged and recorded", measure=_probe(HTTP)),
    Contender(
        key="naive-http",
        title="httpx + dnspython + one insert each",
        measure=_counting(HTTP, *_client("naive"), database=True),
    ),
    Contender(key="names", title="DNS check, judged and recorded", measure=_probe(NAME)),
    Contender(
        key="engine",
        title="DNS engine alone",
        measure=_counting(NAME, *_client("engine"), more=(RESOLVER,)),
    ),
    Contender(key="dnspython", title="dnspython's async resolver", measure=_counting(NAME, *_client("dnspython"))),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times the CPU of one contender another one takes, and how many are asked for at least."""

    ours: str
    theirs: str
    asked: float


RATIOS: tuple[Ratio, ...] = (
    Ratio(ours="https", theirs="naive-https", asked=3.3),
    Ratio(ours="https", theirs="go", asked=0.5),
    Ratio(ours="https", theirs="exporter", asked=1.0),
    Ratio(ours="http", theirs="naive-http", asked=4.0),
    Ratio(ours="names", theirs="dnspython", asked=10.0),
    Ratio(ours="engine", theirs="dnspython", asked=20.0),
)
