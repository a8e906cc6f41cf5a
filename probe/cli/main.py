"""The command `probe`: one verb a function, one file a group of verbs.

Law: a verb reads its words, wires the rooms, prints, and ends with the contract's status. Data goes to stdout,
everything else to stderr. What a verb needs is imported when it runs, so that `--help` is instant.
"""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from probe import __version__
from probe.cli import (
    analysis,
    care,
    collecting,
    consenting,
    control,
    doctor,
    exporting,
    fingerprints,
    importing,
    judging,
    lists,
    measuring,
    records,
    registers,
    service,
    uploading,
)
from probe.cli.errors import Refusal, Status

app = typer.Typer(
    name="probe",
    help="Tells, with evidence, whether messaging services are reachable from here, and if not, who is in the way.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"probe {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: bool = typer.Option(False, "--version", help="Show the version and end.", callback=_show_version),
) -> None:
    pass


app.command("check")(measuring.check)
app.command("run")(measuring.run)
app.command("results")(records.results)
app.command("explain")(records.explain)
app.command("classify")(judging.classify)
app.command("export")(exporting.export_dataset)
app.command("compare")(analysis.compare)
app.command("timeline")(analysis.timeline)
app.command("report")(analysis.report)
app.command("import")(importing.import_files)
app.command("upload")(uploading.upload)
app.command("doctor")(doctor.doctor)
app.command("consent")(consenting.consent)
app.add_typer(lists.app, name="targets")
app.add_typer(fingerprints.app, name="fingerprints")
app.add_typer(control.app, name="control")
app.add_typer(collecting.app, name="collect")
app.add_typer(registers.app, name="register")
app.add_typer(service.app, name="service")
app.add_typer(care.app, name="db")


def main() -> None:
    """Runs the verb of the command line, and exits with its status."""
    sys.exit(_run())


def _run() -> int:
    try:
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except TyperException as error:
        return _say(error.format_message(), Status(error.exit_code))
    except Refusal as error:
        return _say(str(error), error.status)
    except typer.Abort:
        return Status.SIGINT
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; the interpreter must not complain about it
        return Status.FAILED
    if not sys.argv[1:]:
        return Status.USAGE
    return status if isinstance(status, int) else Status.OK


def _say(text: str, status: Status) -> int:
    from probe.report.safe import safe

    typer.echo("probe: " + "\n".join(safe(line, 1000) for line in text.split("\n")), err=True)
    return status
