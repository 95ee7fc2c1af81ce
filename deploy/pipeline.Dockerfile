# The pipeline: every step of it on Kubeflow, and training on several machines. From the project's root:
#
#   docker build -f deploy/pipeline.Dockerfile -t radflow-pipeline .
#   docker build -f deploy/pipeline.Dockerfile -t radflow-pipeline:gpu --build-arg LOCK=pipeline-gpu-requirements.txt .
#   docker run --rm radflow-pipeline tasks
#
# docs/cluster.md says how to bring it to a cluster, docs/platforms.md what was tried of it. TFX 1.16 instead of 1.21 comes with
# --build-arg PYTHON=3.10 --build-arg DEBIAN=bookworm
ARG PYTHON=3.13
ARG DEBIAN=trixie

# The whole image: a few locked packages have no wheel, and are compiled here.
FROM python:${PYTHON}-${DEBIAN} AS build
# CUDA comes as wheels with the other lock; the driver is the node's.
ARG LOCK=pipeline-requirements.txt
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/radflow
COPY deploy/pipeline-build-requirements.txt deploy/${LOCK} /src/deploy/
RUN /opt/radflow/bin/pip install --no-deps --require-hashes --only-binary :all: -r /src/deploy/pipeline-build-requirements.txt \
    && /opt/radflow/bin/pip install --no-deps --require-hashes --no-build-isolation -r /src/deploy/${LOCK}
# TensorFlow 2.16 does not find CUDA's wheels by itself (tensorflow/tensorflow#63362); a newer one is led to the same files.
# Without them the folder is empty.
RUN mkdir /opt/radflow/cuda \
    && find /opt/radflow/lib -path '*/nvidia/*/lib/*.so*' -exec ln -s -t /opt/radflow/cuda {} + \
    && find /opt/radflow/lib -path '*/nvidia/cuda_nvcc/bin/ptxas' -exec ln -s -t /opt/radflow/bin {} +
COPY . /src
RUN /opt/radflow/bin/pip install --no-deps --no-build-isolation --no-index /src

FROM python:${PYTHON}-slim-${DEBIAN}
RUN groupadd --gid 10001 radflow \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin radflow
COPY --from=build /opt/radflow /opt/radflow
ENV PATH=/opt/radflow/bin:$PATH \
    LD_LIBRARY_PATH=/opt/radflow/cuda \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2
WORKDIR /tmp
USER 10001:10001
ENTRYPOINT ["radflow"]
