"""Whatever a record holds, it becomes measurements that can be stored, or it is refused with a reason."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.form import dumps, result_json
from probe.imports.ooni import read
from probe.imports.ooni_rows import UnfitError
from probe.model import Result
from tests.imports.sampled import NAMES, judged, one

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        [
            "[scrubbed]",
            "depth=99",
            "::1",
            "0.0.0.0",
            "http://[",
            "https://x",
            "HTTPS://ÄÖ.example",
            "2026-11-24 00:00:00",
        ]
    ),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({"format": "base64", "data": "!"}),
    st.lists(st.integers(), max_size=3),
)
_SAMPLES = {name: one(name) for name in NAMES}


def _places(row: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = row.items() if isinstance(row, dict) else enumerate(row) if isinstance(row, list) else ()
    return [path] * bool(path) + [place for key, value in items for place in _places(value, (*path, key))]


_PLACES = {name: _places(row) for name, row in _SAMPLES.items()}


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_wrong_values_anywhere(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    row = copy.deepcopy(_SAMPLES[name])
    for path in data.draw(st.lists(st.sampled_from(_PLACES[name]), min_size=1, max_size=4)):
        parent: Any = row
        try:
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = copy.deepcopy(data.draw(_VALUES))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    encoded = json.dumps(row).encode()
    try:
        found = judged(encoded)
    except UnfitError:
        return
    for measurement, controls, verdict in found:
        assert dumps(result_json(Result(measurement=measurement, controls=controls, verdict=verdict)))
        assert [o.id for o in measurement.observations] == list(range(1, len(measurement.observations) + 1))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(UnfitError):
        read(data, "sample")


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"test_keys":' + b"[" * 100_000, b'{"a":' * 100_000], ids=["array", "keys", "object"]
)
def test_nested_too_deep(data: bytes) -> None:
    with pytest.raises(UnfitError, match=r"deep|truncated|Expected"):
        read(data, "sample")


def test_keys_nested_too_deep() -> None:
    row = json.dumps(one("web_accessible") | {"test_keys": {"queries": None, "more": 0}})
    with pytest.raises(UnfitError, match="nested too deep"):
        read(row.replace('"more": 0', '"more": ' + "[" * 50_000 + "]" * 50_000).encode(), "sample")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"test_name": "ndt"}, "test_name: 'ndt' is not imported"),
        ({"input": None}, "input: no URL"),
        ({"input": "tcp://192.31.196.1:80"}, "input: tcp://192.31.196.1:80 has no pages"),
        ({"measurement_start_time": "yesterday"}, "measurement_start_time: 'yesterday' is no time"),
        ({"measurement_start_time": "1970-01-01 00:00:00"}, "1970-01-01 00:00:00 is no time"),
        ({"measurement_start_time": "9999-12-31 23:59:59"}, "9999-12-31 23:59:59 is no time"),
        ({"data_format_version": "9"}, "data_format_version: '9' is not known"),
        ({"test_keys": {}}, "test_keys: no operation is recorded"),
        ({"test_keys": None}, "Expected `object`, got `null`"),
        (
            {"test_keys": {"tcp_connect": [{"ip": "[scrubbed]", "port": 1}]}},
            r"tcp_connect\[0\].ip: '\[scrubbed\]' is no",
        ),
        ({"test_keys": {"queries": [{"hostname": 1}]}}, r"\$.queries\[0\].hostname"),
        ({"test_keys": {"tls_handshakes": [{"address": "192.31.196.1:443", "no_tls_verify": True}]}}, "not verified"),
    ],
)
def test_the_reason_names_the_place(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        read(json.dumps(one("web_accessible") | change).encode(), "sample")
