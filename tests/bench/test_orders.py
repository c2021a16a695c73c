from __future__ import annotations

import dataclasses
import json

from voicesrv.bench.orders import Plan


def test_a_plan_arrives_as_it_was_sent() -> None:
    plan = Plan("ws://h/ws", callers=3, duration_s=1.5, share=(3, 6), core=1, token="secret")
    arrived = Plan(**json.loads(json.dumps(dataclasses.asdict(plan))))
    assert dataclasses.replace(arrived, share=plan.share) == plan
    assert tuple(arrived.share) == plan.share


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Plan("ws://h/ws", callers=1, duration_s=1, token="secret"))
