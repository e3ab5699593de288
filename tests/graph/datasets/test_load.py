"""Data sets by name: the published counts, checksums, downloads, the cache."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.graph.datasets.test_heterophilous import heterophilous_arrays
from tests.graph.datasets.test_hgb import hgb_files, write_hgb
from tests.graph.datasets.test_planetoid import write_planetoid
from tfgnn_ext.graph import datasets
from tfgnn_ext.graph.datasets.source_files import SourceFiles
from tfgnn_ext.graph.datasets.sources import SOURCES

# Nodes a set; edges a set, in both directions; seeds that train, validate, test; classes.
PUBLISHED = {
    "cora": ({"paper": 2708}, {"cites": 2 * 5278}, (140, 500, 1000), 7),
    "citeseer": ({"paper": 3327}, {"cites": 2 * 4552}, (120, 500, 1000), 6),
    "amazon_computers": ({"product": 13752}, {"bought_with": 491722}, (200, 300, 13252), 10),
    "acm": (
        {"paper": 3025, "author": 5959, "subject": 56, "term": 1902},
        {
            "paper_cite_paper": 5343, "paper_ref_paper": 5343, "paper_author": 9949,
            "author_paper": 9949, "paper_subject": 3025, "subject_paper": 3025,
            "paper_term": 255619, "term_paper": 255619,
        },
        (726, 181, 2118),
        3,
    ),
    "minesweeper": ({"cell": 10000}, {"touches": 2 * 39402}, (5000, 2500, 2500), 2),
    "tolokers": ({"worker": 11758}, {"worked_with": 2 * 519000}, (5879, 2939, 2940), 2),
}  # fmt: skip


@pytest.mark.skipif("TFGNN_EXT_DATA" not in os.environ, reason="TFGNN_EXT_DATA is not set")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name: str) -> None:
    nodes, edges, splits, classes = PUBLISHED[name]
    data = datasets.load(name)
    assert {key: part.num_nodes for key, part in data.graph.node_sets.items()} == nodes
    assert {key: part.num_edges for key, part in data.graph.edge_sets.items()} == edges
    assert tuple(np.bincount(data.seeds.splits)) == splits
    assert len(data.seeds.classes) == classes
    schema, node_set = datasets.schema(name)
    assert node_set == data.seeds.node_set
    assert schema == data.graph.schema


def test_every_name_has_a_source() -> None:
    assert (*SOURCES, *datasets.FORMATS) == datasets.NAMES
    assert set(PUBLISHED) | {"flights"} == set(SOURCES)


def test_own_files_in_a_known_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFGNN_EXT_CACHE", str(tmp_path / "cache"))
    np.savez(tmp_path / "a.npz", **heterophilous_arrays())
    one = datasets.load("heterophilous", path=tmp_path / "a.npz", split=1)
    assert one.graph.node_sets["node"].num_nodes == 5
    assert np.bincount(one.seeds.splits).tolist() == [1, 1, 3]
    assert datasets.schema("heterophilous", tmp_path / "a.npz")[1] == "node"
    # Other content is another version, whatever the name.
    before = datasets.version("heterophilous", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{**heterophilous_arrays(), "edges": np.array([[0, 4]])})
    assert datasets.version("heterophilous", tmp_path / "a.npz") != before
    changed = datasets.load("heterophilous", path=tmp_path / "a.npz")
    assert changed.graph.edge_sets["edge"].num_edges == 2
    (tmp_path / "hgb").mkdir()
    write_hgb(tmp_path / "hgb", hgb_files())
    assert datasets.load("hgb", path=tmp_path / "hgb", split=2).seeds.node_set == "paper"
    (tmp_path / "planetoid").mkdir()
    found = datasets.load("planetoid", path=write_planetoid(tmp_path / "planetoid"))
    assert len(found.seeds) == 6
    with pytest.raises(ValueError, match="`path` of `load` must be given with 'npz'. Got None."):
        datasets.load("npz")
    with pytest.raises(ValueError, match="`path` of `load` must be left out with 'cora'."):
        datasets.load("cora", path="x")
    with pytest.raises(ValueError, match="none.npz` must be a file, a folder or what names begin"):
        datasets.load("npz", path=tmp_path / "none.npz")


CONTENT = b"seven\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves a folder with one file; the address and what was asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.txt").write_bytes(CONTENT)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_file_is_downloaded_once(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pooch")
    monkeypatch.delenv("TFGNN_EXT_DATA", raising=False)
    url, asked = server
    files = SourceFiles(folder="seven", url=url, sha256={"a.txt": SHA256})
    folder = files.find(tmp_path / "cache")
    assert (folder / "a.txt").read_bytes() == CONTENT
    assert files.find(tmp_path / "cache") == folder == tmp_path / "cache/downloads/seven"
    assert asked == ["/a.txt"]
    # What was changed since is fetched anew.
    (folder / "a.txt").write_bytes(b"eight\n")
    assert (files.find(tmp_path / "cache") / "a.txt").read_bytes() == CONTENT


def test_a_download_with_another_checksum_is_refused(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pooch")
    monkeypatch.delenv("TFGNN_EXT_DATA", raising=False)
    url, _ = server
    for name, checksum in (("a.txt", "0" * 64), ("none.txt", SHA256)):
        files = SourceFiles(folder="seven", url=url, sha256={name: checksum})
        with pytest.raises(ValueError, match=f"/{name}` must be reachable and unchanged"):
            files.find(tmp_path / "cache")
        assert not (tmp_path / "cache/downloads/seven" / name).exists()


def test_a_folder_of_the_users_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFGNN_EXT_DATA", str(tmp_path))
    files = SourceFiles(folder="seven", url="http://127.0.0.1:9", sha256={"a.txt": SHA256})
    (tmp_path / "seven").mkdir()
    with pytest.raises(ValueError, match=r"a.txt` must be a file. Got no such file."):
        files.find(tmp_path / "cache")
    (tmp_path / "seven/a.txt").write_bytes(b"eight\n")
    with pytest.raises(ValueError, match=f"a.txt: must have sha256 {SHA256}. Got "):
        files.find(tmp_path / "cache")
    (tmp_path / "seven/a.txt").write_bytes(CONTENT)
    assert files.find(tmp_path / "cache") == tmp_path / "seven"
    assert not (tmp_path / "cache").exists()


def test_the_version_follows_the_checksums() -> None:
    def fingerprint(**sha256: str) -> str:
        return SourceFiles(folder="f", url="u", sha256=sha256).fingerprint

    assert fingerprint(a="1", b="2") == fingerprint(b="2", a="1")
    assert len({fingerprint(a="1", b="2"), fingerprint(a="1", b="3"), fingerprint(a="1")}) == 3
    assert len({datasets.version(name) for name in PUBLISHED}) == len(PUBLISHED)
