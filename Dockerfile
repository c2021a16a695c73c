# The server with its embedded engines. Build and run:
#
#   docker build -t voicesrv .
#   docker run -p 8000:8000 -e VOICESRV_API_KEYS=a-key-of-your-own voicesrv
#
# It listens on all addresses of the container, so it asks for a key; VOICESRV_OPEN_ACCESS=true serves everybody.

FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY voicesrv voicesrv
RUN python -m venv /opt/voicesrv \
    && /opt/voicesrv/bin/pip install --no-cache-dir --disable-pip-version-check ".[embedded]"

FROM python:3.12-slim
COPY --from=build /opt/voicesrv /opt/voicesrv
COPY LICENSE NOTICE /usr/share/doc/voicesrv/
RUN useradd --uid 10001 --create-home --home-dir /var/lib/voicesrv voicesrv
USER 10001
WORKDIR /var/lib/voicesrv
ENV PATH=/opt/voicesrv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VOICESRV_HOST=0.0.0.0 \
    VOICESRV_PORT=8000 \
    VOICESRV_DRAIN_S=8
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"VOICESRV_PORT\"]}/healthz', timeout=2)"]
# SIGTERM drains for VOICESRV_DRAIN_S; Docker kills what has not stopped after 10 s.
STOPSIGNAL SIGTERM
CMD ["voicesrv", "serve"]
