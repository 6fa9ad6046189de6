# syntax=docker/dockerfile:1
# docker build -t tingshuo . && docker run -p 127.0.0.1:7860:7860 -e TINGSHUO_OPEN=1 -v tingshuo:/data tingshuo

FROM python:3.11-slim AS packages
WORKDIR /packages
COPY requirements.txt requirements-postgres.txt requirements-s3.txt requirements-celery.txt ./
RUN python -m venv /opt/tingshuo \
    && /opt/tingshuo/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt -r requirements-postgres.txt -r requirements-s3.txt -r requirements-celery.txt

# lmplz, which trains language models: the wheels of kenlm leave the program out. It brings all its libraries with it.
FROM python:3.11-slim AS kenlm
# Debian keeps one version of each: one that is named here would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ make zlib1g-dev \
        libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev
RUN pip download --no-cache-dir --disable-pip-version-check --no-deps --no-binary kenlm --dest /tmp kenlm==0.3.0 \
    && tar -xzf /tmp/kenlm-0.3.0.tar.gz -C /tmp \
    && cmake -S /tmp/kenlm-0.3.0 -B /tmp/build -DCMAKE_BUILD_TYPE=Release -DFORCE_STATIC=ON \
    && cmake --build /tmp/build --target lmplz --parallel "$(nproc)"

FROM python:3.11-slim
RUN useradd --create-home --uid 1000 tingshuo \
    && install --directory --owner=tingshuo --mode=0700 /data
COPY --from=packages /opt/tingshuo /opt/tingshuo
COPY --from=kenlm /tmp/build/bin/lmplz /opt/tingshuo/bin/lmplz
WORKDIR /srv/tingshuo
COPY app.py ./
COPY app ./app
COPY asr ./asr
COPY bot ./bot
COPY mandarin ./mandarin
COPY assets ./assets
COPY models ./models
ENV PATH=/opt/tingshuo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    HOME=/tmp \
    TINGSHUO_HOST=0.0.0.0 \
    TINGSHUO_DATA_DIR=/data
USER 1000
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('TINGSHUO_PORT', '7860') + '/health', timeout=4)"]
# As process 1 python gets the stop signal itself, and ends the conversations in flight in order.
CMD ["python", "app.py"]
