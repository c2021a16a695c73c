"""How a conversation looks in a terminal: growing lines on a tty, plain ones elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from voicesrv_client.events import (
    Audio,
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

_NOTHING = "(nothing was understood)"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that will not change any more."""

    who: str
    """``you``, ``agent``, ``latency``, ``warning`` or ``error``."""
    text: str

    def __str__(self) -> str:
        return f"{self.who}: {self.text}"


@dataclass(slots=True)
class View:
    """What is to be seen of a conversation; pure."""

    stable: str = ""
    """The open turn as far as it will not change."""
    tail: str = ""
    """The rest of it."""
    replies: dict[int, str] = field(default_factory=dict)
    """The text so far of each reply under way."""

    def apply(self, event: ServerEvent | Audio) -> list[Line]:
        """Take an event; give the lines that it settles."""
        match event:
            case TurnStart():
                self.stable, self.tail = "", "…"
            case Transcript(text=text, stable=stable):
                self.stable, self.tail = text[:stable], text[stable:]
            case TurnEnd(text=text):
                self.stable = self.tail = ""
                return [Line("you", text or _NOTHING)]
            case ReplyStart(reply=reply):
                self.replies[reply] = ""
            case ReplyText(reply=reply, delta=delta):
                self.replies[reply] = self.replies.get(reply, "") + delta
            case ReplyEnd():
                said = self.replies.pop(event.reply, "")
                return [Line("agent", _as_heard(event, said))]
            case Latency():
                return [Line("latency", latency_text(event))]
            case ServerWarning(code=code, message=message):
                return [Line("warning", f"{message} [{code}]")]
            case ServerError(code=code, message=message):
                return [Line("error", f"{message} [{code}]")]
        return []


def _as_heard(event: ReplyEnd, said: str) -> str:
    text = event.text or said
    if event.cause == "complete":
        return text
    heard = f"{event.heard} –" if event.heard else "–"
    return f"{heard} [{event.cause} of: {text}]" if text else f"[{event.cause}]"


def latency_text(event: Latency) -> str:
    """The stages of a turn in one line."""
    return (
        f"{event.total_ms} ms from the last speech to the first sound "
        f"({event.endpoint_ms} endpoint, {event.stt_ms} recognition, {event.llm_first_ms} model, "
        f"{event.tts_first_ms} voice)"
    )


class PlainScreen:
    """A line for each change, for files and pipes: ``you…`` while a turn grows, ``you:`` when it settled."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view = View()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return

    def show(self, event: ServerEvent | Audio) -> None:
        """Show what an event changes."""
        lines = self._view.apply(event)
        if isinstance(event, Transcript) and event.text:
            # The bar stands where the text may still change.
            bar = "|" if self._view.tail else ""
            self._print(f"you… {self._view.stable}{bar}{self._view.tail}")
        for line in lines:
            self._print(str(line))

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


_STYLES = {"you": "bold green", "agent": "bold cyan", "latency": "dim", "warning": "yellow", "error": "bold red"}


class LiveScreen:
    """Lines that grow in place, with what may still change dimmed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view = View()
        self._live = Live(console=console, refresh_per_second=12, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def show(self, event: ServerEvent | Audio) -> None:
        """Show what an event changes."""
        for line in self._view.apply(event):
            self._console.print(settled(line))
        self._live.update(growing(self._view))


def settled(line: Line) -> Text:
    """A settled line in its colours."""
    style = _STYLES[line.who]
    if line.who == "latency":
        return Text(f"  {line.text}", style)
    return Text.assemble((f"{line.who}: ", style), line.text)


def growing(view: View) -> Group:
    """The lines that still change."""
    lines = []
    if view.stable or view.tail:
        lines.append(Text.assemble(("you: ", _STYLES["you"]), view.stable, (view.tail, "dim")))
    for text in view.replies.values():
        lines.append(Text.assemble(("agent: ", _STYLES["agent"]), text))
    return Group(*lines)


def screen_for(console: Console) -> PlainScreen | LiveScreen:
    """The screen that suits where the console writes."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)
