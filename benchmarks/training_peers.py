"""A side of `benchmarks.training`: DGL or PyG, each as its guide has it.

Imports nothing of ours but what needs NumPy alone: it runs in the peers' environment.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.side import serve
from benchmarks.training_data import BATCH, FANOUTS, FEATURES, UNITS, names, read


def dgl_side(folder: Path) -> Callable[[], Any]:
    """SAGEConv on blocks from DGL's NeighborSampler, whose edges lead to the seeds."""
    import dgl
    import torch
    from dgl.nn.pytorch import HeteroGraphConv, SAGEConv

    torch.set_num_threads(1)
    arrays = read(folder)
    number = len(arrays["x"])
    edges = {}
    for index, name in enumerate(names(arrays)):
        sources = np.repeat(np.arange(number), np.diff(arrays[f"indptr_{index}"]))
        targets = arrays[f"targets_{index}"].astype(np.int64)
        edges["n", name, "n"] = torch.from_numpy(targets), torch.from_numpy(sources)
    graph = dgl.heterograph(edges, {"n": number})
    graph.ndata["x"] = torch.from_numpy(arrays["x"])
    several = len(edges) > 1

    def convolution(width: int) -> torch.nn.Module:
        if several:
            return HeteroGraphConv({e[1]: SAGEConv(width, UNITS, "mean") for e in edges}, "sum")
        return SAGEConv(width, UNITS, "mean")

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = convolution(FEATURES), convolution(UNITS)
            self.head = torch.nn.Linear(UNITS, 1)

        def forward(self, blocks: Any, x: torch.Tensor) -> torch.Tensor:
            for block, layer in zip(blocks, (self.first, self.second), strict=True):
                x = layer(block, {"n": x})["n"] if several else layer(block, x)
                x = torch.relu(x)
            return self.head(x)

    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    rows, labels = torch.from_numpy(arrays["rows"]).long(), torch.from_numpy(arrays["labels"])
    # Input side first.
    sampler = dgl.dataloading.NeighborSampler(list(FANOUTS[::-1]), prefetch_node_feats=["x"])
    by_row = torch.zeros(number)
    by_row[rows] = labels.float()
    unique = [torch.unique(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)]

    def work() -> None:
        # Seeds are drawn with replacement; DGL wants those of a batch to be distinct.
        for seeds in unique:
            inputs, outputs, blocks = sampler.sample(graph, {"n": seeds} if several else seeds)
            inputs = inputs["n"] if isinstance(inputs, dict) else inputs
            outputs = outputs["n"] if isinstance(outputs, dict) else outputs
            logits = model(blocks, graph.ndata["x"][inputs])[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, by_row[outputs])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return work


def pyg_side(folder: Path) -> Callable[[], Any]:
    """SAGEConv on batches of PyG's NeighborLoader."""
    import torch
    from torch_geometric.data import Data, HeteroData
    from torch_geometric.loader import NeighborLoader
    from torch_geometric.nn import HeteroConv, SAGEConv
    from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

    if not (WITH_PYG_LIB or WITH_TORCH_SPARSE):
        raise ImportError("PyG's NeighborLoader needs pyg-lib or torch-sparse")
    torch.set_num_threads(1)
    arrays = read(folder)
    number = len(arrays["x"])
    x = torch.from_numpy(arrays["x"])
    edges = {}
    for index, name in enumerate(names(arrays)):
        sources = np.repeat(np.arange(number), np.diff(arrays[f"indptr_{index}"]))
        pair = np.stack([arrays[f"targets_{index}"].astype(np.int64), sources])
        edges["n", name, "n"] = torch.from_numpy(pair)
    several = len(edges) > 1
    data: Any
    if several:
        data = HeteroData()
        data["n"].x = x
        for key, pair in edges.items():
            data[key].edge_index = pair
    else:
        data = Data(x=x, edge_index=next(iter(edges.values())))
    rows, labels = torch.from_numpy(arrays["rows"]).long(), torch.from_numpy(arrays["labels"])

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(
                HeteroConv({key: SAGEConv(width, UNITS) for key in edges}, "sum")
                if several
                else SAGEConv(width, UNITS)
                for width in (FEATURES, UNITS)
            )
            self.head = torch.nn.Linear(UNITS, 1)

        def forward(self, batch: Any) -> torch.Tensor:
            if several:
                states = batch.x_dict
                for layer in self.layers:
                    states = {k: v.relu() for k, v in layer(states, batch.edge_index_dict).items()}
                return self.head(states["n"])
            states = batch.x
            for layer in self.layers:
                states = layer(states, batch.edge_index).relu()
            return self.head(states)

    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loader = NeighborLoader(
        data,
        num_neighbors={key: list(FANOUTS) for key in edges} if several else list(FANOUTS),
        input_nodes=("n", rows) if several else rows,
        batch_size=BATCH,
    )

    def work() -> None:
        for step, batch in enumerate(loader):
            wanted = labels[step * BATCH : (step + 1) * BATCH].float()
            logits = model(batch)[: len(wanted), 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return work


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("torch", sys.argv[1])}


if __name__ == "__main__":
    sides = {"dgl": dgl_side, "torch_geometric": pyg_side}
    serve(lambda: sides[sys.argv[1]](Path(sys.argv[2])), _versions)
