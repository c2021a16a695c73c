"""Vectors that server and clients must agree on: each of them reads the same lines (tests/data/wire/README.md).

The library for browsers reads them in clients/web/tests; messages of the server's side are in ``test_native``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from voicesrv.errors import ClientError, Code
from voicesrv.options import Options, changed
from voicesrv.protocols.native import CLOSE_CODE, NativeCodec, parse_query
from voicesrv_client.events import Unknown
from voicesrv_client.protocol import after_close, build_url, parse_event

WIRE = Path(__file__).parents[1] / "data" / "wire" / "native"


def vectors(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (WIRE / f"{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("vector", [each for each in vectors("events") if "message" in each], ids=json.dumps)
def test_the_python_client_reads_what_the_server_writes(vector: dict[str, Any]) -> None:
    message = vector["message"]
    event = parse_event(json.dumps(message))
    assert not isinstance(event, Unknown)
    assert event.seq == vector["seq"]
    assert event.raw == message
    for name, value in message.items():
        if isinstance(value, str | int | float | bool) and name != "type":
            assert getattr(event, name) == value


@pytest.mark.parametrize("vector", vectors("closes"), ids=json.dumps)
def test_closes_mean_the_same_on_both_sides(vector: dict[str, Any]) -> None:
    assert after_close(vector["close"]).name.lower() == vector["next"]
    if vector["code"] is not None:
        close, reason = NativeCodec().refuse(ClientError(Code(vector["code"]), ""))
        assert (close, reason) == (vector["close"], vector["code"])


def test_every_code_that_has_a_close_code_has_a_vector() -> None:
    assert {each["code"] for each in vectors("closes")} >= {code.value for code in CLOSE_CODE}


@pytest.mark.parametrize("vector", vectors("queries"), ids=json.dumps)
def test_settings_in_an_address_are_those_that_were_meant(vector: dict[str, Any]) -> None:
    url = build_url("ws://h", vector["settings"])
    assert urlsplit(url).query == vector["query"]
    query = dict(parse_qsl(vector["query"], keep_blank_values=True))
    assert parse_query(query, Options()).options == changed(Options(), vector["settings"])
