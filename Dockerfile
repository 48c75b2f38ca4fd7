FROM python:3.11-slim-bookworm AS packages

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt ./
# Wheels only: nothing is compiled here, so no compiler and no headers are needed.
RUN /opt/venv/bin/pip install --require-hashes --no-deps --only-binary=:all: -r requirements.txt \
    && /opt/venv/bin/pip uninstall --yes pip setuptools
# The pages use one style sheet of Bootstrap; its scripts, icons and other versions are 27 MB.
RUN find /opt/venv/lib -type f -path '*/flask_bootstrap/static/*' \
    ! -path '*/bootstrap5/css/bootstrap.min.css' -delete


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 service \
    && useradd --uid 10001 --gid service --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin service
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/gitlab_links
COPY gunicorn.conf.py wsgi.py worker.py ./
COPY migrations migrations
COPY gitlab_links gitlab_links
# Bytecode is written now: the root file system is read-only when it runs.
RUN /opt/venv/bin/python -m compileall -q -j 0 /opt/venv gitlab_links

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FLASK_APP=wsgi
USER 10001:10001
EXPOSE 8000

# /healthz asks nobody else: a database that is away is no reason to restart this.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

# The worker is the same image with the command: python worker.py
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "wsgi:app"]
