from __future__ import annotations

import numpy as np
import pytest

from voicesrv.bench.prepare import trimmed
from voicesrv.errors import VoicesrvError


def test_cuts_silence_off_both_ends_alone() -> None:
    speech = np.array([900, 0, 0, -1000], dtype="<i2")
    hiss = np.array([15, -15, 0], dtype="<i2")
    assert trimmed(np.concatenate([hiss, speech, hiss]).tobytes()) == speech.tobytes()


@pytest.mark.parametrize("pcm", [b"", bytes(100)])
def test_silence_alone_is_no_speech(pcm: bytes) -> None:
    with pytest.raises(VoicesrvError, match="nothing"):
        trimmed(pcm)
