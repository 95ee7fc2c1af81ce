# The gateway: API and reading page, without TensorFlow. From the project's root:
#
#   docker build -f deploy/gateway.Dockerfile -t radflow-gateway .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:8080:8080 \
#     -v gateway-data:/var/lib/radflow -v "$PWD/keys.json:/run/secrets/api_keys:ro" \
#     -e RADFLOW_GATEWAY_API_KEYS_FILE=/run/secrets/api_keys -e RADFLOW_GATEWAY_MODEL_SERVER=HOST:8500 radflow-gateway
#
# docs/security.md has the settings, deploy/compose.yaml the model server beside it.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/radflow
COPY deploy/gateway-requirements.txt /src/deploy/
RUN /opt/radflow/bin/pip install --no-deps --require-hashes --only-binary :all: -r /src/deploy/gateway-requirements.txt
COPY . /src
# What built it is not in the image: nothing can be installed there.
RUN /opt/radflow/bin/pip install --no-deps --no-build-isolation --no-index /src \
    && /opt/radflow/bin/pip uninstall --yes setuptools pip

FROM python:${PYTHON}-slim-bookworm
RUN groupadd --gid 10001 radflow \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin radflow \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/radflow
COPY --from=build /opt/radflow /opt/radflow
ENV PATH=/opt/radflow/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RADFLOW_GATEWAY_DATA_FOLDER=/var/lib/radflow
WORKDIR /tmp
USER 10001:10001
# The one place that is written to; uploads on their way are in /tmp, which wants as much room as they may have.
VOLUME /var/lib/radflow
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["radflow", "gateway", "--host", "0.0.0.0", "--port", "8080"]
