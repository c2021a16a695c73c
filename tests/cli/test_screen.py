from __future__ import annotations

import io

import pytest
from rich.console import Console

from voicesrv.cli.screen import Line, LiveScreen, PlainScreen, View, growing, screen_for, settled
from voicesrv_client.events import (
    Latency,
    ReplyEnd,
    ReplyStart,
    ReplyText,
    ServerError,
    ServerEvent,
    ServerWarning,
    Transcript,
    TurnEnd,
    TurnStart,
)

LATENCY = Latency(1, 1, endpoint_ms=300, stt_ms=30, llm_first_ms=50, tts_first_ms=20, total_ms=410)
TURN: list[ServerEvent] = [
    TurnStart(1),
    Transcript(1, "what time", stable=4),
    Transcript(1, "what time is it", stable=9),
    TurnEnd(1, "what time is it", cause="silence"),
    ReplyStart(1, 1),
    ReplyText(1, "It is "),
    LATENCY,
    ReplyText(1, "noon."),
    ReplyEnd(1, "It is noon.", "It is noon.", "complete"),
]


def test_view_settles_what_will_not_change() -> None:
    view = View()
    lines = [line for event in TURN for line in view.apply(event)]
    assert [line.who for line in lines] == ["you", "latency", "agent"]
    assert [line.text for line in lines[::2]] == ["what time is it", "It is noon."]
    assert view == View()


def test_view_keeps_what_grows() -> None:
    view = View()
    for event in TURN[:2]:
        view.apply(event)
    assert (view.stable, view.tail) == ("what", " time")
    for event in TURN[2:6]:
        view.apply(event)
    assert view.replies == {1: "It is "}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TurnEnd(1, ""), Line("you", "(nothing was understood)")),
        (ServerWarning("container_in_pcm", "this is a WAV"), Line("warning", "this is a WAV [container_in_pcm]")),
        (ServerError("overloaded", "full"), Line("error", "full [overloaded]")),
        (ReplyEnd(1, "one two", "one", "interrupted"), Line("agent", "one – [interrupted of: one two]")),
        (ReplyEnd(1, "one two", "", "cancelled"), Line("agent", "– [cancelled of: one two]")),
        (ReplyEnd(1, "", "", "failed"), Line("agent", "[failed]")),
    ],
)
def test_view_says_what_did_not_go_as_planned(event: ServerEvent, line: Line) -> None:
    assert View().apply(event) == [line]


def shown(screen: PlainScreen | LiveScreen, file: io.StringIO) -> str:
    with screen:
        for event in TURN:
            screen.show(event)
    return file.getvalue()


def test_plain_screen_writes_a_line_for_each_change() -> None:
    file = io.StringIO()
    screen = screen_for(Console(file=file, width=40))
    assert isinstance(screen, PlainScreen)
    assert shown(screen, file).splitlines() == [
        "you… what| time",
        "you… what time| is it",
        "you: what time is it",
        "latency: 410 ms from the last speech to the first sound (300 endpoint, 30 recognition, 50 model, 20 voice)",
        "agent: It is noon.",
    ]


def test_live_screen_grows_in_place_and_leaves_settled_lines() -> None:
    file = io.StringIO()
    screen = screen_for(Console(file=file, width=120, force_terminal=True, color_system="truecolor"))
    assert isinstance(screen, LiveScreen)
    text = shown(screen, file)
    assert "\x1b[1;32myou: \x1b[0mwhat time is it\n" in text
    assert "\x1b[1;36magent: \x1b[0mIt is noon.\n" in text


def test_what_may_change_is_dimmed() -> None:
    (line,) = growing(View("what", " time")).renderables
    assert [(span.start, span.end, span.style) for span in line.spans] == [(0, 5, "bold green"), (9, 14, "dim")]  # type: ignore[union-attr]
    assert str(settled(Line("latency", "1 ms"))) == "  1 ms"
