# Every command sets up what it needs: a virtual environment in .venv, made anew when pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
RUN_READY := .venv/ready-run
DEV_READY := .venv/ready-dev

.PHONY: run test demo lint docs deb boot lock spark soak fuzz bench bench-datasets reliability pictures clean
.DEFAULT_GOAL := run

run: $(RUN_READY)  ## measure the shipped services, print the verdicts, record them in results/probe.sqlite
	@$(BIN)/probe run; status=$$?; case $$status in 0|3|4) exit 0;; *) exit $$status;; esac

test: $(DEV_READY) .venv-oonidata/ready lint  ## everything that must hold
	@$(BIN)/pytest -rs --numprocesses 4 --dist loadfile

demo: $(DEV_READY)  ## the main job inside a simulated censored network
	@$(BIN)/python -m tests.lab.demo

lint: $(DEV_READY)  ## style, types, import laws
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(DEV_READY)  ## the pages that the program writes, and the demo in the README
	@$(BIN)/python docs/write.py

deb: $(DEV_READY)  ## a Debian package with the systemd units, in dist/
	@sh debian/build $(BIN)/python dist

boot: deb  ## that package in a Debian that boots: as root, with systemd-container and debootstrap; some minutes
	@PROBE_BOOT=dist $(BIN)/pytest -rs --verbose tests/packaging/test_boot.py

spark: .venv/ready-spark  ## compare, timeline and classify on a Spark master with three workers, two of them killed; needs Java 17, minutes
	@PROBE_SPARK=required $(BIN)/pytest -rs --verbose tests/cli/test_spark.py

lock: .venv/bin/python  ## what a deployment installs, pinned anew with its hashes in requirements.lock
	@sh scripts/lock $(BIN)/python

soak: $(DEV_READY)  ## every scenario ten times and 2,000 healthy targets, with all cores loaded; about an hour
	@$(BIN)/python -m tests.lab.soak

fuzz: .venv/ready-fuzz  ## every parser under atheris, FUZZ_SECONDS (10) for each; what fails is kept in .fuzz/
	@$(BIN)/python -m tests.fuzz

reliability: .venv/ready-fuzz  ## the figures of docs/reliability.md, all anew (about an hour); JOB=name for one part
	@$(BIN)/python -m tests.reliability $(JOB)

bench: $(DEV_READY)  ## what a check costs, beside other ways of doing it; `make bench BENCH=--quick` takes a minute
	@$(BIN)/python -m bench $(BENCH)

pictures: $(DEV_READY)  ## the page of `probe report` as docs/ shows it; needs Debian's chromium
	@$(BIN)/python -m tests.report.pictures

bench-datasets: $(DEV_READY)  ## rows a second and memory of export and compare over ten million observations; 8 GB of disk
	@$(BIN)/python -m bench.datasets

clean:
	rm -rf .venv .venv-oonidata .fuzz build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@sh scripts/venv "$(PYTHON)" .venv

$(RUN_READY): pyproject.toml .venv/bin/python
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV_READY): pyproject.toml .venv/bin/python
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(RUN_READY)

.venv-oonidata/ready:  # where it cannot be installed, its test is skipped
	@sh scripts/venv "$(PYTHON)" .venv-oonidata
	@.venv-oonidata/bin/python -m pip install --quiet 'oonidata>=0.3,<0.4' || true
	@touch $@

.venv/ready-spark: $(DEV_READY)
	@$(BIN)/python -m pip install --quiet --editable '.[spark]'
	@touch $@

.venv/ready-fuzz: $(DEV_READY)
	@$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	@touch $@
