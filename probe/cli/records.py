"""`probe results` and `probe explain`: what was found before, read back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from probe.model import Measurement, Result
    from probe.register import Standing
    from probe.store import Filter, Registers, Store


def results(
    service: Annotated[str | None, typer.Option("--service", help="Of this service.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Of this target, or of this host.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="ok, blocked, down, refused or inconclusive.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this day or moment on (ISO 8601, UTC).")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Of this run.")] = None,
    services: options.Services = False,
    stores: Annotated[
        bool, typer.Option("--stores", help="What was found in app stores, in place of the verdicts.")
    ] = False,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Past verdicts, oldest first; where registers are in the database, with what they say beside each."""
    from rich.console import Console

    from probe.form import dumps, result_json, standing_json
    from probe.report.registers import beside_verdict
    from probe.report.terminal import result_line
    from probe.store import Filter

    if services and target is not None:
        raise Refusal("--services --target: a service as a whole is no target; leave one of them out", Status.USAGE)
    wanted = Filter(
        service=service,
        target=_target_name(target),
        outcome=outcome_of(outcome),
        since=moment("--since", since),
        run_id=run,
    )
    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if stores:
        return _show_stores(wanted, out, json=json, db=db, config=config)
    if services:
        return _show_services(wanted, out, json=json, db=db, config=config)
    with open_database(db, config) as store, store.registers() as registers:
        for result in store.results(wanted):
            standings = _standings(registers, result)
            if json:
                beside = {"registers": [standing_json(each) for each in standings]} if registers.all else {}
                print(dumps({**result_json(result), **beside}))
                continue
            out.print(result_line(result))
            for line in beside_verdict(result, standings):
                out.print(f"{'':21}{line}")
    return Status.OK


def _show_services(wanted: Filter, out: Console, *, json: bool, db: Path | None, config: Path | None) -> int:
    from probe.form import dumps, service_verdict_json
    from probe.report.terminal import past_service_line

    with open_database(db, config) as store:
        for each in store.service_verdicts(wanted):
            if json:
                print(dumps(service_verdict_json(*each)))
            else:
                out.print(past_service_line(*each))
    return Status.OK


def _show_stores(wanted: Filter, out: Console, *, json: bool, db: Path | None, config: Path | None) -> int:
    from probe.form import dumps, store_check_json
    from probe.report.stores import store_lines

    if wanted.target or wanted.outcome:
        raise Refusal("--stores goes with --service, --since and --run only: a listing has no target", Status.USAGE)
    with open_database(db, config) as store:
        for check in store.store_checks(wanted):
            if json:
                print(dumps(store_check_json(check)))
                continue
            for line in store_lines(check):
                out.print(line)
    return Status.OK


def explain(
    measurement: Annotated[str, typer.Argument(metavar="MEASUREMENT", help="Its id, or the beginning of it.")],
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """The evidence behind one verdict, step by step."""
    from probe.form import dumps, explain_json, standing_json
    from probe.report.explanation import explain_lines
    from probe.report.registers import beside_verdict
    from probe.store import StoreError

    with open_database(db, config) as store, store.registers() as registers:
        try:
            result = store.result(measurement)
        except StoreError as error:
            raise Refusal(str(error), Status.USAGE) from None
        standings = _standings(registers, result)
    if json:
        beside = {
            "location": _location(result.measurement),
            "registers": [standing_json(each) for each in standings],
        }
        print(dumps({**explain_json(result), **beside}))
        return Status.OK
    print("\n".join(explain_lines(result)))
    if standings:
        print("\nOfficial registers, which are no part of the verdict:")
        print("\n".join(f"  {line}" for line in beside_verdict(result, standings)))
    return Status.OK


def _location(measurement: Measurement) -> dict[str, Any] | None:
    """Where on the path a block sits, for scripts."""
    from probe.classify import located, location_of

    place = location_of(measurement)
    if place is None:
        return None
    hops = {"after": place.after, "by": place.by, "end": place.end}
    return {"manner": place.manner.value, **hops, "text": located(measurement)}


def _standings(registers: Registers, result: Result) -> tuple[Standing, ...]:
    """How the target of a result stands in the registers of the country that it was measured in; in all of them where
    that is not known."""
    from probe.register import resolved, wanted

    here = result.measurement
    country = here.vantage.country if here.vantage.country != "ZZ" else None
    return registers.standings(wanted(here.target, resolved([here, *result.controls])), country)


def open_database(db: Path | None, config: Path | None) -> Store:
    """The database that was named, which must be there."""
    from probe.cli.settings import database, load_config
    from probe.store import Store, StoreError

    try:
        return Store.open(database(db, load_config(config).config), create=False)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


def outcome_of(text: str | None) -> str | None:
    """The word of `--outcome`, which must be one of the outcomes."""
    from probe.model import Outcome

    if text is not None and text not in tuple(Outcome):
        raise Refusal(f"--outcome {text}: give one of {', '.join(Outcome)}", Status.USAGE)
    return text


def moment(option: str, text: str | None) -> datetime | None:
    """The moment that an option names."""
    from probe.form import FormError, parse_time

    try:
        return parse_time(text) if text is not None else None
    except FormError as error:
        raise Refusal(f"{option}: {error}; give 2026-11-24 or 2026-11-24T12:00:00Z", Status.USAGE) from None


def _target_name(text: str | None) -> str | None:
    """The name under which a target is recorded; a bare host stays one."""
    from probe.targets import TargetError, parse

    if text is None or "://" not in text:
        return text.lower() if text else None
    try:
        return parse(text)[0].name
    except TargetError as error:
        raise Refusal(f"--target: {error}", Status.USAGE) from None
