# The server with its embedded engines, and with what it needs for Whisper and piper. Build and run:
#
#   docker build -t voicesrv .
#   docker run -p 8000:8000 -e VOICESRV_API_KEYS=a-key-of-your-own -v voicesrv-models:/var/lib/voicesrv/models voicesrv
#
# It listens on all addresses of the container, so it asks for a key; VOICESRV_OPEN_ACCESS=true serves everybody.
# No model is in the image. Get some into the volume once; the server takes them for the next conversation:
#
#   docker run -v voicesrv-models:/var/lib/voicesrv/models voicesrv voicesrv models pull recommended

FROM node:22-slim AS pages
WORKDIR /src/clients
COPY clients .
RUN npm ci --no-audit --no-fund && npm run build

FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY voicesrv voicesrv
COPY --from=pages /src/voicesrv/pages voicesrv/pages
COPY clients/python/voicesrv_client clients/python/voicesrv_client
RUN python -m venv /opt/voicesrv \
    && /opt/voicesrv/bin/pip install --no-cache-dir --disable-pip-version-check ".[embedded,piper]"

FROM python:3.12-slim
COPY --from=build /opt/voicesrv /opt/voicesrv
COPY LICENSE NOTICE /usr/share/doc/voicesrv/
# A new volume takes the owner of the folder that it is mounted on.
RUN useradd --uid 10001 --create-home --home-dir /var/lib/voicesrv voicesrv \
    && install -d -o voicesrv /var/lib/voicesrv/models
USER 10001
WORKDIR /var/lib/voicesrv
ENV PATH=/opt/voicesrv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VOICESRV_HOST=0.0.0.0 \
    VOICESRV_PORT=8000 \
    VOICESRV_DRAIN_S=8 \
    VOICESRV_MODELS=/var/lib/voicesrv/models
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"VOICESRV_PORT\"]}/healthz', timeout=2)"]
# SIGTERM drains for VOICESRV_DRAIN_S; Docker kills what has not stopped after 10 s.
STOPSIGNAL SIGTERM
CMD ["voicesrv", "serve"]
