# The runtime on a device with its command line: numpy, onnxruntime, typer and rnnedge. Training and export happen elsewhere.
#   docker build -t rnnedge .
#   docker run --rm -v "$PWD:/models:ro" rnnedge verify /models/model.onnx
ARG PYTHON=3.11
ARG DEBIAN=bookworm

FROM python:${PYTHON}-slim-${DEBIAN} AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY rnnedge rnnedge
COPY export export
COPY runtime runtime
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The wheel is built first, so that the device installs what users install, not a source tree.
RUN python -m venv /tools \
    && /tools/bin/python -m pip install --no-cache-dir -c constraints.txt build hatchling \
    && /tools/bin/python -m build --wheel --no-isolation --outdir /wheel
RUN python -m venv /opt/rnnedge \
    && /opt/rnnedge/bin/python -m pip install --no-cache-dir -c constraints.txt "$(ls /wheel/*.whl)[cpu,cli]" \
    && /opt/rnnedge/bin/python -m pip uninstall --yes pip setuptools
# What comes into the image is proven here: no torch, no onnx, and a golden file streams.
COPY tests tests
RUN /opt/rnnedge/bin/python -I tests/packaging/device_check.py tests/data/golden_gru.onnx --commands

FROM python:${PYTHON}-slim-${DEBIAN} AS device
COPY --from=build /opt/rnnedge /opt/rnnedge
ENV PATH=/opt/rnnedge/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rnnedge
USER 10001
WORKDIR /models
# A command that ends has no health to check; a service built on this image brings its own.
HEALTHCHECK NONE
ENTRYPOINT ["rnnedge"]
CMD ["--help"]
