"""What the operator sets: each setting with its default, unit and meaning, and where its value came from.

Read once, at the start, from flags, then the environment (``VOICESRV_PORT`` and so on; two underscores
step into a table, as in ``VOICESRV_ENGINES__POCKETSPHINX__WORKERS``), then ``voicesrv.toml``, then the
defaults below; a table is merged key by key. Nothing else in the package reads the environment for a
setting. What a client may choose for its own connection is in ``options``.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from voicesrv import options
from voicesrv.agents import DEFAULT, Agent
from voicesrv.errors import ClientError, ConfigError
from voicesrv.sources import PREFIX, flat, masked, merged, read_file, unknown_variables

DEFAULT_AGENT = DEFAULT.name
"""The agent of clients that name none; it always exists."""

SELF_SIGNED = "self-signed"
"""What ``tls`` says where the server is to make its certificate itself."""

_MAX_GREETING = 2000
"""Characters: what may be spoken in one request."""

_Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_List = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """All settings in force.

    Constructing it reads nothing: what is not given has its default. ``load`` reads the sources.

    Raises:
        ValidationError: a value makes no sense; ``load`` turns it into a ``ConfigError``.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    host: str = "127.0.0.1"
    """Address to listen on; one that others can reach needs ``api_keys`` or ``open_access``."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """TCP port to listen on; 0 takes a free one."""
    tls: str = ""
    """Speak https and wss: ``self-signed`` for a certificate that is made here and kept in ``state_dir``, or the file
    of one, in PEM with its chain. Empty: plain http."""
    tls_key: str = ""
    """File of the certificate's private key, in PEM and not encrypted; empty where ``tls`` names a file that holds
    it too."""
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(default=(), repr=False)
    """Keys that clients may show, comma-separated, each ``KEY``, ``NAME:KEY`` or, for one that may do no
    more than that, ``NAME+SCOPE+SCOPE:KEY``; empty asks for none. Draw them at random: from 22 characters on, a
    key is let in however many wrong ones come from its address."""
    open_access: bool = False
    """Serve an address that others can reach without any key."""
    allowed_origins: _List = ()
    """Origins of web pages that may connect, such as https://example.org; ``*`` for any. Pages of this
    server, and clients that are no browsers, always may."""
    allowed_hosts: _List = ()
    """Names under which this server may be addressed, beside its own; ``*`` for any. Its own are loopback names
    and, where others can reach it, addresses and local names; with keys and an empty list any name is."""
    vad: str = "silero"
    """Voice activity detector, as ``voicesrv engines`` lists them."""
    stt: str = "auto"
    """Recogniser used where a client names none; several with commas between them: the next stands in where one is
    lost."""
    llm: str = "auto"
    """Language model used where a client or agent names none: an engine, or ``provider:model``."""
    llm_models: _List = ()
    """Further language models, as ``provider:model``, that clients may name beside ``llm`` and the agents' own."""
    tts: str = "auto"
    """Synthesiser used where a client or agent names none; several as for ``stt``."""
    voice: str = ""
    """Voice used where a client or agent names none; empty for the engine's own choice."""
    language: str = "en"
    """BCP-47 tag used where a client names none, or ``auto``."""
    max_conversations: int = Field(default=200, ge=1)
    """Conversations held at once; one more is answered ``overloaded``."""
    lead_ms: int = Field(default=2000, ge=100, le=60_000)
    """How far ahead of real time reply audio is sent, in milliseconds."""
    idle_timeout_s: _Seconds = 60.0
    """Seconds within which a client has to send some message; it is let go after half as long again."""
    resume_window_s: _Seconds = 120.0
    """Seconds for which a dropped connection can be resumed."""
    max_text_bytes: int = Field(default=64 * 1024, ge=1024, le=16 * 1024 * 1024)
    """Largest text message, in bytes."""
    max_binary_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest binary message, in bytes."""
    state_dir: str = ""
    """Folder in which conversations are kept while the server restarts, for ``resume_window_s``. Empty:
    ``voicesrv`` in the user's state folder."""
    drain_s: _Seconds = 10.0
    """Seconds that open connections get to finish when the server is told to stop."""
    pages: bool = True
    """Serve the page to talk on at ``/`` and the console at ``/console``."""
    log_level: Literal["critical", "error", "warning", "info", "debug"] = "info"
    """Least severity that is logged."""
    agents: dict[str, Agent] = Field(default_factory=lambda: {DEFAULT_AGENT: DEFAULT})
    """Named agents, ``[agents.NAME]``; clients that name none get ``default``."""
    engines: dict[str, dict[str, Any]] = Field(default={}, repr=False)
    """Options of engines, ``[engines.NAME]``; ``voicesrv engines NAME`` lists what each takes."""

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing on construction, so that a test's settings are what the test says."""
        return (init_settings,)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looked like a mistake while the sources were read, a sentence each."""
        return self._warnings

    @property
    def state_folder(self) -> Path:
        """Where conversations are kept while the server restarts."""
        if self.state_dir:
            return Path(self.state_dir)
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "voicesrv"

    def origin(self, name: str) -> str:
        """Where a value came from: a flag, a variable, a file, or ``default``.

        Args:
            name: a field, or a path into a table such as ``engines.pocketsphinx.workers``.
        """
        parts = name.split(".")
        paths = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self._origins[path] for path in paths if path in self._origins), "default")

    def shown(self) -> dict[str, Any]:
        """Every setting as text or a JSON value, tables as one row a value, secrets masked; by its path."""
        rows: dict[str, Any] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name == "api_keys":
                rows[name] = [str(key) for key in value]
            elif name == "agents":
                rows.update(flat({name: {agent.name: _public(agent) for agent in value.values()}}))
            elif name == "engines":
                rows.update({path: masked(path, each) for path, each in flat({name: value})})
            else:
                rows[name] = list(value) if isinstance(value, tuple) else value
        return rows

    @field_validator("api_keys", "llm_models", "allowed_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)
        return value

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for place, key in enumerate(keys, 1):
            text = key.get_secret_value()
            if not text or not text.isascii() or not text.isprintable() or " " in text:
                raise ValueError(f"key {place} is not visible ASCII characters alone, so no header could hold it")
        return keys

    @field_validator("stt", "llm", "tts", "voice", "language")
    @classmethod
    def _check_option(cls, value: str, info: Any) -> str:
        """These are defaults of what a client may set, and held to the same rules; of engines there may be several."""
        parts = [part.strip() for part in value.split(",")] if info.field_name in ("stt", "tts") else [value]
        if len(parts) > 1 and "auto" in parts:
            raise ValueError(f"{value!r} has auto among several; auto stands alone")
        try:
            for part in parts:
                options.changed(options.Options(), {info.field_name: part})
            return ",".join(parts)
        except ClientError as error:
            raise ValueError(error.message.removeprefix(f"{info.field_name}: ")) from error

    @field_validator("agents", mode="before")
    @classmethod
    def _read_agents(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        agents = {str(name): _agent(str(name), table) for name, table in value.items()}
        return {DEFAULT_AGENT: DEFAULT, **agents}

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.tls_key and self.tls in ("", SELF_SIGNED):
            raise ValueError(f"tls_key {self.tls_key!r} is the key of a certificate; tls has to name its file")
        return self

    @model_validator(mode="after")
    def _check_reach(self) -> Self:
        if not (self.api_keys or self.open_access or is_loopback(self.host)):
            raise ValueError(
                f"host {self.host!r} can be reached by others: set api_keys ({PREFIX}API_KEYS) so that only those "
                "who have one get in, or set open_access to serve everybody"
            )
        return self


def load(flags: Mapping[str, Any] | None = None, config: Path | None = None) -> Settings:
    """Read flags, environment and settings file.

    Args:
        flags: values by field name; None stands for a flag that was not given.
        config: the settings file; None for the one that ``VOICESRV_CONFIG`` names, else for
            ``voicesrv.toml`` in the current folder where there is one.

    Raises:
        ConfigError: naming the setting, where it was set, its value and what is allowed.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        environment = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigError(f"environment: {error}: a table is written as a JSON object") from error
    path, table = read_file(config)
    sources = (
        (table, lambda _: str(path)),
        (environment, lambda name: PREFIX + name.replace(".", "__").upper()),
        (given, lambda name: "--" + name.replace("_", "-")),
    )
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source, describe in sources:
        values = merged(values, source)
        origins.update({name: describe(name) for name, _ in flat(source)})
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(fault, origins) for fault in error.errors())) from error
    settings._origins = origins
    settings._warnings = tuple(unknown_variables(Settings.model_fields))
    return settings


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _explain(fault: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    """One fault as ``name (where it was set): value: what is wrong or allowed``."""
    name = ".".join(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not name:
        return message
    field = str(fault["loc"][0])
    origin = next((where for path, where in origins.items() if path == name or path.startswith(name + ".")), None)
    where = f"{name} ({origin or origins.get(field, 'default')})"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(Settings.model_fields)}"
        return f"{where} is no setting; {known}"
    if field in ("api_keys", "engines", "agents"):  # may hold secrets, or more text than a line can show
        return f"{where}: {message}"
    return f"{where}: {fault['input']!r}: {message}"


_AGENT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AGENT_KEYS = ("instructions", "llm", "voice", "tts", "language", "tools", "greeting")


def _agent(name: str, table: object) -> Agent:
    """Make an agent of its table; tools are written as clients write them in ``configure``."""
    if isinstance(table, Agent):
        return table
    if not isinstance(table, dict):
        raise ValueError(f"{name}: {table!r} is not a table")
    if not _AGENT_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of 1–64 letters, digits, _ or -")
    for key, value in table.items():
        if key not in _AGENT_KEYS:
            raise ValueError(f"{name}.{key} is no setting of an agent; known are {', '.join(_AGENT_KEYS)}")
        if key != "tools" and not isinstance(value, str):
            raise ValueError(f"{name}.{key}: {value!r} is not text")
    if len(table.get("greeting", "")) > _MAX_GREETING:
        raise ValueError(f"{name}.greeting: {len(table['greeting'])} characters are over the {_MAX_GREETING} allowed")
    try:
        checked = {key: table[key] for key in table if key != "greeting"}
        changed = options.changed(options.Options(), checked)
    except ClientError as error:
        raise ValueError(f"{name}.{error.message}") from error
    return Agent(name=name, **{**table, **{key: getattr(changed, key) for key in checked}})


def _public(agent: Agent) -> dict[str, Any]:
    return {key: [t.name for t in agent.tools] if key == "tools" else getattr(agent, key) for key in _AGENT_KEYS}
