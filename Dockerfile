# syntax=docker/dockerfile:1
#
#   docker build -t das-hpo .                              for CPUs
#   docker build -t das-hpo --build-arg DEVICE=cuda .      for NVIDIA GPUs (the host needs NVIDIA's container toolkit)
#
# DEVICE       cpu or cuda: what the image is checked for at the end of the build.
# TORCH_INDEX  A pip index to take torch from. On x86-64, pip's own index has the CUDA build, which runs on CPUs,
#              too, but is some GB larger than needed there: name PyTorch's index of CPU builds for a small image.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
# netifaces, which hpbandster asks for, is compiled.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/das-hpo
ENV PATH=/opt/das-hpo/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY constraints.txt ./
ARG TORCH_INDEX=
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY spaces spaces
COPY storage storage
COPY workers workers
COPY das_hpo das_hpo
RUN pip install --constraint constraints.txt '.[postgresql]'
ARG DEVICE=cpu
RUN case "$DEVICE" in \
      cpu) python -c "import torch; torch.ones(1)" ;; \
      cuda) python -c "import sys, torch; sys.exit(None if torch.version.cuda else 'this torch has no CUDA: leave TORCH_INDEX empty')" ;; \
      *) echo "DEVICE is cpu or cuda, '$DEVICE' came" >&2; exit 1 ;; \
    esac

FROM python:${PYTHON}-slim-bookworm
COPY --from=build /opt/das-hpo /opt/das-hpo
# Any user id may be given at run time, so what is written lies in folders open to all: a new volume takes their mode.
RUN install -d -m 1777 /data /key /var/cache/das-hpo && useradd --uid 1000 --create-home das
ENV PATH=/opt/das-hpo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/var/cache/das-hpo \
    DAS_HPO_DB=sqlite:////data/das-hpo.db
USER das
WORKDIR /data
VOLUME /data
ENTRYPOINT ["das-hpo"]
CMD ["--help"]
