from __future__ import annotations

import asyncio
import os
import signal

import pytest
import typer

from voicesrv.cli.ending import run
from voicesrv.errors import ClientError, Code, ConfigError, VoicesrvError
from voicesrv_client import Closed, Unreachable, Untrusted


async def fails(error: Exception) -> None:
    raise error


async def fails_in_a_group(error: Exception) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fails(error))


@pytest.mark.parametrize("how", [fails, fails_in_a_group])
def test_a_fault_of_the_connection_is_one_sentence(how: object) -> None:
    with pytest.raises(VoicesrvError, match="no voicesrv answers"):
        run(how(Unreachable("no voicesrv answers at h")))  # type: ignore[operator]
    with pytest.raises(VoicesrvError, match="4501 unauthorized"):
        run(how(Closed(4501, "unauthorized")))  # type: ignore[operator]
    with pytest.raises(ConfigError, match="certificate of h is not trusted; name it with --ca FILE"):
        run(how(Untrusted("the certificate of h is not trusted")))  # type: ignore[operator]


@pytest.mark.parametrize("how", [fails, fails_in_a_group])
@pytest.mark.parametrize("error", [ConfigError("port"), ClientError(Code.BAD_PARAMETER, "x"), ZeroDivisionError()])
def test_other_faults_stay_what_they_are(how: object, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        run(how(error))  # type: ignore[operator]
    assert caught.value is error


def test_an_interrupt_is_an_exit_code() -> None:
    async def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(typer.Exit) as caught:
        run(interrupted())
    assert caught.value.exit_code == 130


def test_an_end_is_an_end() -> None:
    run(asyncio.sleep(0))
