"""Options that every command which talks to a server has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(help="Server to talk to; else one on port 8000 of this machine, else one inside this process."),
]
Token = Annotated[
    str | None, typer.Option(envvar="VOICESRV_TOKEN", metavar="KEY", help="Key, where the server asks for one.")
]
Ca = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Certificates to trust at https://…, such as a self-signed server's own; PEM."),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Trust any certificate at https://…: whoever is between may be the server.")
]
Agent = Annotated[str | None, typer.Option(help="Whom to talk to, as the server names them.")]
Language = Annotated[str | None, typer.Option(help="BCP-47 tag of what is said, or auto.")]
Voice = Annotated[str | None, typer.Option(help="Voice of the replies.")]
Stt = Annotated[str | None, typer.Option(help="Recogniser; see voicesrv engines.")]
Llm = Annotated[str | None, typer.Option(help="Language model: an engine, or PROVIDER:MODEL.")]
Tts = Annotated[str | None, typer.Option(help="Synthesiser.")]
EndpointingMs = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Silence that ends a turn, whatever is said; 0 leaves it to the end of the input; else the server's.",
    ),
]
EndpointingMaxMs = Annotated[
    int | None,
    typer.Option(min=0, help="Silence that ends a turn whose words are unfinished; else the server's choice."),
]
Keyterms = Annotated[
    str | None, typer.Option(metavar="TERM,…", help="Names and terms that may be said, for recognisers that take them.")
]
EagerMs = Annotated[int, typer.Option(min=0, help="Silence after which a reply is prepared; 0 never does.")]
Interrupt = Annotated[bool, typer.Option("--interrupt/--no-interrupt", help="Whether speech stops a reply.")]
