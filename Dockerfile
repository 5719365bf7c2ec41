# The page in a container, on a CPU or a GPU: docs/hosting.md.
FROM python:3.12-slim

# torch compiles networks for a GPU with a C compiler, once enough pictures have come.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 caesr
WORKDIR /home/caesr/app

COPY requirements.txt constraints.txt ./
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-cache-dir -r requirements.txt -c constraints.txt

COPY app.py README.md LICENSE ./
COPY caesr caesr
COPY zoo zoo
COPY examples examples

USER caesr
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 HF_HOME=/home/caesr/hub PYTHONUNBUFFERED=1

# Published checkpoints are fetched now, so that the container needs no Hub; the volume keeps what it fetches later.
RUN mkdir "$HF_HOME" && python -c "import zoo; [zoo.fetch(name) for name in zoo.names()]"
VOLUME /home/caesr/hub

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD python -c "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['GRADIO_SERVER_PORT'])"
CMD ["python", "app.py"]
