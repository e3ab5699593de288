"""The data sets that are known by name, and where each comes from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

from tfgnn_ext.graph.datasets import flights
from tfgnn_ext.graph.datasets.flights_schema import flights_schema
from tfgnn_ext.graph.datasets.graph_tables import Tables
from tfgnn_ext.graph.datasets.heterophilous import read_heterophilous
from tfgnn_ext.graph.datasets.hgb import read_hgb
from tfgnn_ext.graph.datasets.npz import read_npz
from tfgnn_ext.graph.datasets.ogb import read_ogb
from tfgnn_ext.graph.datasets.planetoid import PARTS, read_planetoid
from tfgnn_ext.graph.datasets.source_files import SourceFiles
from tfgnn_ext.graph.datasets.tu import read_tu
from tfgnn_ext.graph.schema import GraphSchema

_CONTENT = 1  # Raise it when a reader's tables change: it names the cache.


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    Attributes:
      version: Names its content.
      tables: Makes its schema and tables, "seeds" among them; given the cache.
      node_set: That of the seeds; None: the schema's ``info.root_set``.
      time: The column of the seeds' times.
      schema: The schema, where it is known without the tables.
    """

    version: Callable[[], str]
    tables: Callable[[Path], Tables]
    node_set: str | None = None
    time: str | None = None
    schema: Callable[[], GraphSchema] | None = None


def _from_files(files: SourceFiles, read: Callable[[Path], Tables]) -> Source:
    return Source(lambda: f"{files.fingerprint}-{_CONTENT}", lambda cache: read(files.find(cache)))


FORMATS: dict[str, Callable[[Path], Tables]] = {
    "planetoid": read_planetoid,
    "npz": read_npz,
    "hgb": read_hgb,
    "heterophilous": read_heterophilous,
    "ogb": read_ogb,
    "tu": read_tu,
}


def source_of_files(format: str, path: Path) -> Source:
    """A data set of the user's own files; its version follows their content."""

    def version() -> str:
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        # What names begin with: ind.pubmed.x, or MUTAG_A.txt.
        found = found or sorted(path.parent.glob(f"{path.name}[._]*"))
        if not found:
            raise ValueError(
                f"`{path}` must be a file, a folder or what names begin with. Got none."
            )
        digest = hashlib.sha256()
        for file in found:
            if file.is_file():
                digest.update(f"{file.relative_to(path.parent)}\n".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        return f"{digest.hexdigest()[:12]}-{_CONTENT}"

    return Source(version, lambda cache: FORMATS[format](path))


_GITHUB = "https://raw.githubusercontent.com"
_PLANETOID = f"{_GITHUB}/kimiyoung/planetoid/af6abf468a772cc055bec88c52e4d6f51b7c37e3/data"
_PLATONOV = (
    f"{_GITHUB}/yandex-research/heterophilous-graphs/a431395582e929d88271309716bea4fe24ce6318/data"
)


def _planetoid(name: str, checksums: tuple[str, ...]) -> Source:
    names = [f"ind.{name}.{part}" for part in PARTS]
    files = SourceFiles(
        folder=f"planetoid_{name}",
        url=_PLANETOID,
        sha256=dict(zip(names, checksums, strict=True)),
    )
    return _from_files(files, lambda folder: read_planetoid(folder / f"ind.{name}"))


def _heterophilous(name: str, checksum: str, node_set: str, edge_set: str) -> Source:
    files = SourceFiles(folder=name, url=_PLATONOV, sha256={f"{name}.npz": checksum})
    return _from_files(
        files,
        lambda folder: read_heterophilous(
            folder / f"{name}.npz", node_set=node_set, edge_set=edge_set
        ),
    )


SOURCES = {
    "flights": Source(
        flights.version,
        lambda cache: flights.build_tables(flights.read_raw()),
        "flight",
        "time",
        flights_schema,
    ),
    "cora": _planetoid(
        "cora",
        (
            "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
            "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
            "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
            "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
            "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
            "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
            "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
            "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
        ),
    ),
    "citeseer": _planetoid(
        "citeseer",
        (
            "d20de19150741e555de0ed037195630fc194114ebc7fd72ced62810148aa22f6",
            "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
            "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
            "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924",
            "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
            "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
            "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
            "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
        ),
    ),
    "amazon_computers": _from_files(
        SourceFiles(
            folder="amazon_cs",
            url=f"{_GITHUB}/EdisonLeeeee/GraphData/f8022c26b917346f2a461ffec0ec5ae24b36de68/datasets",
            sha256={
                "amazon_cs.npz": "a6942db609f196b53503d91b99a02ad8d052d5d9be8ef41db976fb65f66ed1f3"
            },
        ),
        lambda folder: read_npz(
            folder / "amazon_cs.npz", node_set="product", edge_set="bought_with"
        ),
    ),
    "acm": _from_files(
        SourceFiles(
            folder="hgb_acm",
            url=f"{_GITHUB}/csyifan/RHGIB/82946c35f9840258c96ad74250b6222df52dcdd8/data",
            sha256={"ACM.zip": "f67e9a01f0ff4249c61023d1f2f45d9fc0fbc0fc7aff3faba49dd369ecae37e5"},
        ),
        lambda folder: read_hgb(folder / "ACM.zip"),
    ),
    "minesweeper": _heterophilous(
        "minesweeper",
        "e664c8dacf1e8ac466c2c09ed4b237bd2c5541f47a6eae9c6092cb87f16412b3",
        "cell",
        "touches",
    ),
    "tolokers": _heterophilous(
        "tolokers",
        "dacf3ac94cec53d03cd2adb5255c08b33dee1656c33ca8164a464bd9450a1667",
        "worker",
        "worked_with",
    ),
}
