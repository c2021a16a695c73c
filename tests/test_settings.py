"""Settings: which source wins, where each value came from, and what is said of those that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from voicesrv.errors import ConfigError
from voicesrv.settings import Settings, is_loopback, load


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "voicesrv.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


# --- which source wins ----------------------------------------------------------------------------


def test_nothing_given_is_all_defaults() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.warnings == ()
    assert settings.origin("port") == "default"
    assert list(settings.agents) == ["default"]


def test_flags_win_over_environment_over_file_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    write('host = "127.0.0.2"\nport = 1001\nlead_ms = 1500\n')
    monkeypatch.setenv("VOICESRV_PORT", "1002")
    monkeypatch.setenv("VOICESRV_LEAD_MS", "1600")
    settings = load({"lead_ms": 1700, "idle_timeout_s": None})
    assert (settings.host, settings.port, settings.lead_ms) == ("127.0.0.2", 1002, 1700)
    assert settings.origin("host") == "voicesrv.toml"
    assert settings.origin("port") == "VOICESRV_PORT"
    assert settings.origin("lead_ms") == "--lead-ms"
    assert settings.origin("idle_timeout_s") == "default"


def test_constructing_reads_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1001\n")
    monkeypatch.setenv("VOICESRV_PORT", "1002")
    assert Settings().port == 8000


def test_tables_are_merged_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[engines.pocketsphinx]\nworkers = 2\n[engines.pydantic]\nbase_url = 'http://localhost:1/v1'\n")
    monkeypatch.setenv("VOICESRV_ENGINES__POCKETSPHINX__WORKERS", "3")
    settings = load()
    assert settings.engines == {"pocketsphinx": {"workers": "3"}, "pydantic": {"base_url": "http://localhost:1/v1"}}
    assert settings.origin("engines.pocketsphinx.workers") == "VOICESRV_ENGINES__POCKETSPHINX__WORKERS"
    assert settings.origin("engines.pydantic.base_url") == "voicesrv.toml"


def test_the_file_may_be_named_by_flag_or_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1001\n")
    write("port = 1002\n", "by_variable.toml")
    monkeypatch.setenv("VOICESRV_CONFIG", "by_variable.toml")
    assert load().port == 1002
    assert load(config=write("port = 1003\n", "by_flag.toml")).origin("port") == "by_flag.toml"


@pytest.mark.parametrize(
    ("text", "items"), [("", ()), ("https://a.example", ("https://a.example",)), ("a, b,", ("a", "b"))]
)
def test_lists_are_comma_separated_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, items: tuple[str, ...]
) -> None:
    monkeypatch.setenv("VOICESRV_ALLOWED_ORIGINS", text)
    assert load().allowed_origins == items


def test_lists_are_lists_in_the_file() -> None:
    write('allowed_hosts = ["voice.example", "10.0.0.1"]\n')
    assert load().allowed_hosts == ("voice.example", "10.0.0.1")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


# --- secrets --------------------------------------------------------------------------------------


def test_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_API_KEYS", "canary-one, canary-two")
    write("[engines.pydantic]\napi_key = 'canary-three'\n")
    settings = load()
    assert [key.get_secret_value() for key in settings.api_keys] == ["canary-one", "canary-two"]
    assert "canary" not in f"{settings!r} {settings} {settings.shown()}"
    assert settings.shown()["engines.pydantic.api_key"] == "**********"


def test_a_bad_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_API_KEYS", "long-enough,canary ä")
    with pytest.raises(ConfigError, match=r"api_keys \(VOICESRV_API_KEYS\): key 2 is not visible ASCII") as caught:
        load()
    assert "canary" not in str(caught.value)


def test_an_address_that_others_reach_needs_a_key_or_a_word() -> None:
    with pytest.raises(ConfigError, match=r"host '0\.0\.0\.0' can be reached by others: set api_keys"):
        load({"host": "0.0.0.0"})
    assert load({"host": "0.0.0.0", "open_access": True}).open_access
    assert load({"host": "0.0.0.0", "api_keys": "long-enough"}).host == "0.0.0.0"


def test_a_key_without_its_certificate_is_a_mistake() -> None:
    assert load({"tls": "cert.pem", "tls_key": "key.pem"}).tls_key == "key.pem"
    for tls in ("", "self-signed"):
        with pytest.raises(ConfigError, match=r"tls_key 'key\.pem' is the key of a certificate; tls has to name"):
            load({"tls": tls, "tls_key": "key.pem"})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("::", False),
        ("example.org", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 70000", r"port \(voicesrv\.toml\): 70000: .*less than or equal to 65535"),
        ("prot = 1", r"prot \(voicesrv\.toml\) is no setting; did you mean port\?"),
        ("zzz = 1", r"zzz \(voicesrv\.toml\) is no setting; known are host, port, "),
        ("log_level = 'loud'", r"log_level \(voicesrv\.toml\): 'loud': .*'critical'"),
        ("idle_timeout_s = nan", r"idle_timeout_s .*finite number"),
        ("language = '!'", r"language \(voicesrv\.toml\): '!': "),
        ("stt = 'a b'", r"stt \(voicesrv\.toml\): 'a b': "),
        ("stt = 'pocketsphinx,a b'", r"stt \(voicesrv\.toml\): 'pocketsphinx,a b': 'a b' is not"),
        ("tts = 'auto,espeak'", r"tts \(voicesrv\.toml\): .*auto stands alone"),
        ("llm = 'echo,null'", r"llm \(voicesrv\.toml\): "),
        ("engines = 3", r"engines \(voicesrv\.toml\): .*dictionary"),
        ("agents = 3", r"agents \(voicesrv\.toml\): .*dictionary"),
        ("[agents.a]\nvioce = 'en'", r"agents \(voicesrv\.toml\): a\.vioce is no setting of an agent; known are "),
        ("[agents.a]\nvoice = 3", r"agents \(voicesrv\.toml\): a\.voice: 3 is not text"),
        ("[agents.a]\ntools = 3", r"agents \(voicesrv\.toml\): a\.tools: 3 is not a list"),
        ("[agents.'a b']\nvoice = 'en'", r"agents \(voicesrv\.toml\): 'a b' is not a name of 1–64 letters"),
        ("[agents]\na = 3", r"agents \(voicesrv\.toml\): a: 3 is not a table"),
        ("port = ]", r"voicesrv\.toml: .*line 1"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, said: str) -> None:
    write(text)
    with pytest.raises(ConfigError, match=said):
        load()


def test_all_mistakes_are_named_at_once() -> None:
    write("port = -1\nlead_ms = 1\n")
    with pytest.raises(ConfigError, match=r"port .*; lead_ms "):
        load()


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_PORT", "http")
    with pytest.raises(ConfigError, match=r"port \(VOICESRV_PORT\): 'http': .*integer"):
        load()


def test_a_mistake_in_a_flag_names_the_flag() -> None:
    with pytest.raises(ConfigError, match=r"lead_ms \(--lead-ms\): 5: .*100"):
        load({"lead_ms": 5})


def test_a_table_that_is_no_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_ENGINES", "{")
    with pytest.raises(ConfigError, match=r'"engines".*written as a JSON object'):
        load()


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file"):
        load(config=Path("missing.toml"))


def test_an_unknown_variable_is_warned_of_and_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_PROT", "1")
    monkeypatch.setenv("VOICESRV_ZZZZ", "1")
    monkeypatch.setenv("VOICESRV_TOKEN", "known to commands that are clients")
    settings = load()
    assert settings.port == 8000
    assert settings.warnings == (
        "VOICESRV_PROT sets nothing; did you mean VOICESRV_PORT?",
        "VOICESRV_ZZZZ sets nothing",
    )


# --- agents ---------------------------------------------------------------------------------------


def test_agents_are_read_with_their_tools() -> None:
    write(
        "[agents.desk]\n"
        "instructions = 'You work at a front desk.'\n"
        "voice = 'en-gb'\n"
        "tools = [{ name = 'book', description = 'Books a room.' }]\n"
    )
    settings = load()
    assert list(settings.agents) == ["default", "desk"]
    desk = settings.agents["desk"]
    assert (desk.name, desk.voice, desk.instructions) == ("desk", "en-gb", "You work at a front desk.")
    assert [tool.name for tool in desk.tools] == ["book"]
    assert settings.shown()["agents.desk.tools"] == ["book"]
    assert settings.origin("agents.desk.voice") == "voicesrv.toml"
    assert settings.origin("agents.default.voice") == "default"


def test_the_default_agent_can_be_set() -> None:
    write("[agents.default]\ngreeting = 'Hello.'\n")
    assert load().agents["default"].greeting == "Hello."


def test_every_setting_is_documented_and_shown() -> None:
    shown = {path.partition(".")[0] for path in Settings().shown()}
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert name in shown, name


def test_the_state_folder_is_the_users_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert Settings().state_folder == Path("/home/somebody/.local/state/voicesrv")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert Settings().state_folder == Path("/state/voicesrv")
    assert Settings(state_dir="/mine").state_folder == Path("/mine")
