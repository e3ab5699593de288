#!/bin/sh
# An environment with DGL and PyG for the benchmarks; nothing of theirs is a dependency.
#
#   sh scripts/peers.sh [FOLDER]      # default: .peers
#   TFGNN_EXT_PEERS=.peers/bin/python python -m benchmarks.training
#
# DGL 1.1.3 needs `pkg_resources` (setuptools below 70) and `packaging`. PyG samples neighbours by
# torch-sparse, which is compiled here and takes ten minutes and more; without it, PyG's side of the
# training benchmark says that it is not installed, while the accuracy benchmark works.
set -eu
folder=${1:-.peers}
${PYTHON:-python3.11} -m venv "$folder"
"$folder/bin/pip" install "setuptools<70" wheel packaging numpy scipy scikit-learn
"$folder/bin/pip" install torch torch_geometric "dgl==1.1.3"
FORCE_ONLY_CPU=1 "$folder/bin/pip" install --no-build-isolation torch-scatter torch-sparse ||
  echo "torch-sparse cannot be built here: PyG will not sample." >&2
"$folder/bin/python" -c "import dgl, torch, torch_geometric"
echo "TFGNN_EXT_PEERS=$folder/bin/python"
