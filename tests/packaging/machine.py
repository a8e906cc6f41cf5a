"""A Debian that boots, for tests of the package: systemd as its first process, in a container of this machine.

Law: it stands in a network of the lab, so that no packet of it leaves this machine. When the `with` ends, its
processes, control groups and files are gone; only the tree it is a copy of stays, in build/.
"""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.cli.alone import ROOT
from tests.lab.lab import Finished

TREE = ROOT / "build" / "bookworm"
"""Debian as debootstrap makes it, with what the package depends on."""
_INCLUDED = "systemd,systemd-sysv,dbus,python3,ca-certificates,kmod"
_CGROUPS = Path("/sys/fs/cgroup")
_HIERARCHIES = ("systemd", "memory", "pids", "cpu", "unified")
"""Those of the first version that the service manager wants to be below; of the second there is one."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unable() -> str | None:
    """Why no machine can boot here; None where one can."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    for program, package in (("systemd-nspawn", "systemd-container"), ("debootstrap", "debootstrap")):
        if shutil.which(program) is None:
            return f"{program} is missing (Debian package {package})"
    return None


class Machine:
    """`with Machine(network) as machine: machine.run("systemctl status")`. `network`: the id of a process in it."""

    def __init__(self, network: int) -> None:
        self._network = network

    def __enter__(self) -> Machine:
        _make_tree()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.root = self.folder / "root"
        try:
            subprocess.run(["cp", "--archive", "--reflink=auto", TREE, self.root], check=True)
            self._groups = tuple(_control_groups(self.folder.name))
            self.boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def boot(self) -> None:
        """Starts it, and waits until its service manager has started everything."""
        own, its = pty.openpty()  # without a terminal the container's console is silent, and so is its end
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--resolv-conf=off"]
        command += [f"--directory={self.root}", f"--machine=probe-{os.getpid()}", "--timezone=off", "--console=pipe"]
        command += [f"--network-namespace-path=/proc/{self._network}/ns/net"]
        with (self.folder / "console").open("wb") as console:
            self._process = subprocess.Popen(
                command,
                stdin=its,
                stdout=console,
                stderr=console,
                start_new_session=True,
                preexec_fn=self._enter_groups,
            )
        os.close(its)
        self._terminal = own
        end = time.monotonic() + 90
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the machine has not booted: {(self.folder / 'console').read_text()[-2000:]}")
            time.sleep(0.5)

    def run(self, command: str, timeout: float = 120.0) -> Finished:
        """Runs a shell command as its root."""
        namespaces = ["nsenter", f"--target={self._first}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        clean = ["env", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "sh", "-c", command]
        done = subprocess.run([*namespaces, *clean], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        return Finished(
            returncode=done.returncode, stdout=done.stdout.decode("utf-8"), stderr=done.stderr.decode("utf-8")
        )

    def shut_down(self) -> None:
        """As its power button would."""
        self.run("systemctl poweroff")
        self._process.wait(60)
        os.close(self._terminal)

    def close(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            with suppress(subprocess.TimeoutExpired, OSError, IndexError):
                self.shut_down()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for group in getattr(self, "_groups", ()):
            _remove(group)
        shutil.rmtree(self.folder)

    @property
    def _first(self) -> int:
        """Its first process, as this machine numbers it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def _is_up(self) -> bool:
        with suppress(OSError, IndexError):
            return self.run("systemctl is-system-running").stdout.strip() in ("running", "degraded")
        return False

    def _enter_groups(self) -> None:
        for group in self._groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))


def _make_tree() -> None:
    if TREE.is_dir():
        return
    TREE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TREE.parent) as folder:
        made = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={_INCLUDED}", "bookworm", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise RuntimeError(f"debootstrap made no Debian: {done.stdout[-2000:]}{done.stderr[-500:]}")
        made.rename(TREE)


def _control_groups(name: str) -> list[Path]:
    """A control group of its own in each hierarchy."""
    unified = (_CGROUPS / "cgroup.procs").exists()
    parents = [_CGROUPS] if unified else [path for each in _HIERARCHIES if (path := _CGROUPS / each).is_dir()]
    groups = [parent / name for parent in parents]
    for group in groups:
        group.mkdir()
    return groups


def _remove(group: Path) -> None:
    """A control group goes by removing its folders, the innermost first; its files are the kernel's."""
    for folder, _, _ in os.walk(group, topdown=False):
        end = time.monotonic() + 10
        while True:
            try:
                os.rmdir(folder)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
