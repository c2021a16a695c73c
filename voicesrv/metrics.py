"""Every metric: name, unit, labels, buckets. The registry is its own, so tests can read it alone."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
REGISTRY = CollectorRegistry()

_LATENCY_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

CONNECTIONS = Gauge("voicesrv_connections", "Open WebSocket connections.", registry=REGISTRY)
CONVERSATIONS = Gauge("voicesrv_conversations", "Conversations in memory.", registry=REGISTRY)
STREAMS = Gauge("voicesrv_streams", "Engine streams in use.", ["kind"], registry=REGISTRY)
ROOM = Gauge("voicesrv_room_streams", "How many more conversations fit now.", registry=REGISTRY)
CAPACITY = Gauge("voicesrv_capacity_conversations", "How many conversations are held at most.", registry=REGISTRY)
STARTED = Gauge("voicesrv_start_time_seconds", "When the server started, since 1970.", registry=REGISTRY)
TURNS = Counter("voicesrv_turns_total", "User turns ended, by cause.", ["cause"], registry=REGISTRY)
REPLIES = Counter("voicesrv_replies_total", "Replies ended, by cause.", ["cause"], registry=REGISTRY)
STAGE = Histogram(
    "voicesrv_stage_seconds",
    "Time of each stage of a turn: endpoint, stt, llm_first, tts_first, total.",
    ["stage"],
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
AUDIO = Counter("voicesrv_audio_seconds_total", "Audio received and sent.", ["direction"], registry=REGISTRY)
DROPS = Counter("voicesrv_drops_total", "What was dropped because a bound was reached.", ["what"], registry=REGISTRY)
ERRORS = Counter("voicesrv_errors_total", "Errors told to clients, by code.", ["code"], registry=REGISTRY)
ENGINE_RESTARTS = Counter(
    "voicesrv_engine_restarts_total",
    "Worker processes replaced after a death or a hang.",
    ["engine"],
    registry=REGISTRY,
)
ENGINE_FAILURES = Counter("voicesrv_engine_failures_total", "Engine calls that failed.", ["engine"], registry=REGISTRY)
RESUMES = Counter("voicesrv_resumes_total", "Connections resumed, by outcome.", ["outcome"], registry=REGISTRY)
LOOP_LAG = Histogram(
    "voicesrv_loop_lag_seconds",
    "How late the event loop runs a timer.",
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
    registry=REGISTRY,
)
