"""`probe targets add`: the beginning of a service file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.model import Role, Target


def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="A domain, a URL, tcp://host:port or tls://host:port.")],
    service: Annotated[
        str | None, typer.Option("--service", help="The service's id.", show_default="by its domain")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", help="What the endpoint is for.", show_default="by its scheme")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="A new file, named as the service.", show_default="stdout")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the end of the --output file, which is left as it is before that.")
    ] = False,
    config: options.ConfigFile = None,
) -> int:
    """Begin a service file with this target, or add the target to one. What is written has been validated."""
    from datetime import UTC, datetime

    from probe.targets import TargetError, TargetListError, parse
    from probe.targets.stub import endpoints, service_file

    wanted, day = _role(role), datetime.now(UTC).date()
    try:
        targets = parse(url)
        if append:
            _append(_of_service(output, service), endpoints(targets, role=wanted, day=day))
        else:
            name = _service_id(service, targets[0], config)
            _write(output, name, service_file(targets, service=name, role=wanted, day=day))
    except TargetError as error:
        raise Refusal(str(error), Status.USAGE) from None
    except TargetListError as error:
        raise Refusal(f"not written, since it would be no target list: {error}", Status.CONFIGURATION) from None
    except FileExistsError:
        raise Refusal(f"{output}: is there already; --append adds to it", Status.USAGE) from None
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}", Status.CONFIGURATION) from None
    return Status.OK


def _write(output: Path | None, name: str, text: str) -> None:
    """A new file, or stdout. Raises TargetListError, and OSError where a file is there."""
    from probe.targets.load import load_texts

    (service,) = load_texts({output.name if output is not None else f"{name}.toml": text})
    if output is None:
        print(text, end="")
        return
    with output.open("x", encoding="utf-8", newline="") as file:
        file.write(text)
    say(f"{output}: written, service {service.id}; say in it who runs the service, and where this is documented")


def _append(output: Path, text: str) -> None:
    """Puts text behind what is there. Raises TargetListError, and OSError where no file is there."""
    from probe.files import replace_file
    from probe.targets.load import load, load_texts

    load([output])
    before = output.read_bytes()
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    after = before + (b"" if before.endswith(b"\n") else newline) + text.encode().replace(b"\n", newline)
    load_texts({str(output): after.decode("utf-8")})
    replace_file(output, after)
    say(f"{output}: added; say in it what the endpoint is for, and where it is documented")


def _of_service(output: Path | None, service: str | None) -> Path:
    """The file to add to. Raises Refusal where none is named, or that of another service."""
    if output is None:
        raise Refusal("--append: name the file with --output", Status.USAGE)
    if service is not None and service.lower() != output.stem.lower():
        raise Refusal(f"--service {service}: {output} is the file of {output.stem.lower()}", Status.USAGE)
    return output


def _service_id(named: str | None, target: Target, config: Path | None) -> str:
    """The service's id: as it was named, else of the service at whose domain it is. Raises Refusal."""
    from probe.cli.settings import load_config
    from probe.cli.sources import known_services
    from probe.targets import service_of
    from probe.targets.stub import is_service_id, service_id_of

    if named is None:
        known = known_services(load_config(config).config)
        return service_of(target.host, known.services) or service_id_of(target.host)
    if not is_service_id(named.lower()):
        raise Refusal(f"--service {named}: give small letters, digits and hyphens", Status.USAGE)
    return named.lower()


def _role(text: str | None) -> Role | None:
    from probe.model import Role

    if text is not None and text not in tuple(Role):
        raise Refusal(f"--role {text}: give one of {', '.join(Role)}", Status.USAGE)
    return Role(text) if text is not None else None
