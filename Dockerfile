# A worker for Beam's runners in containers: Beam's own image, this package, and what it needs.
# No TensorFlow: sampling does not use it. For embed_nodes, build with --build-arg EXTRAS=train.
#
#   docker build -t REGISTRY/tfgnn-ext-worker . && docker push REGISTRY/tfgnn-ext-worker
#   python pipelines/sample_subgraphs.py ... --sdk_container_image=REGISTRY/tfgnn-ext-worker
#
# The tag must be the Beam and Python version that submits the job.
ARG PYTHON=3.11
ARG BEAM=2.77.0
FROM apache/beam_python${PYTHON}_sdk:${BEAM}

ARG EXTRAS=
WORKDIR /opt/tfgnn-ext
COPY pyproject.toml setup.py README.md LICENSE ./
COPY tfgnn_ext tfgnn_ext
RUN pip install --no-cache-dir ".${EXTRAS:+[$EXTRAS]}" \
    && python -c "import tfgnn_ext.sampling.beam"

# The image's own entry point starts the worker.
