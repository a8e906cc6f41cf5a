"""What `pip install` puts on a machine is the whole program: it works far away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from probe.targets.shipped import shipped
from probe.units import units
from tests.cli import alone

ROOT = alone.ROOT


def run(*words: str | Path, cwd: Path) -> None:
    done = subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a virtual environment that has the wheel, made from the archive of sources, and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder, cwd=ROOT)
    (sources,) = folder.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        archive.extractall(folder, filter="data")
    (top,) = (path for path in folder.iterdir() if path.is_dir())
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=top)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.with_name("probe")


def test_it_has_its_lists_and_fingerprints(installed: Path, tmp_path: Path) -> None:
    listed = alone.run(tmp_path, "targets", "list", "--json", program=[str(installed)], cwd=tmp_path)
    assert {row["service"] for row in alone.read(listed)} == {service.id for service in shipped()}
    known = alone.run(tmp_path, "fingerprints", "list", "--json", program=[str(installed)], cwd=tmp_path)
    assert len(alone.read(known)) > 10


def test_it_has_its_units(installed: Path, tmp_path: Path) -> None:
    agreed = alone.run(tmp_path, "consent", "--agree", program=[str(installed)], cwd=tmp_path)
    assert agreed.returncode == 0, agreed
    done = alone.run(tmp_path, "service", "install", "--user", program=[str(installed)], cwd=tmp_path)
    assert done.returncode == 0, done
    folder = tmp_path / "config" / "systemd" / "user"
    assert {path.name: path.read_text() for path in folder.iterdir()} == units(installed, user=True)


def test_the_archive_of_sources_is_whole(installed: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout, so nobody knows what belongs to it")
    (sources,) = installed.parents[2].glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {name for name in tracked.splitlines() if not name.startswith(".ci/")} <= names
