"""What attention kinds are trained on: a text in words, and recall over long ranges."""

from __future__ import annotations

import collections
import pathlib
import re
from collections.abc import Iterator

import numpy as np

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
# A word with the blank before it, a run of blanks, or a sign.
_PIECE = re.compile(rb" ?[A-Za-z]+|[ \n]+|[^A-Za-z]")


def read_text(folder: pathlib.Path, *, codes: int) -> tuple[np.ndarray, int]:
    """A folder's `*.rst.txt` as codes: the most frequent pieces, all else by its bytes.

    Args:
      folder: Holds 5 MB of such files or more.
      codes: The number of codes; the first 128 are ASCII, the last of which is all else too.

    Returns:
      The codes, int32, and the number of bytes they spell.
    """
    paths = sorted(folder.rglob("*.rst.txt"))
    # Files side by side are of one kind: in an order of their own, the last ones are not.
    paths = [paths[i] for i in np.random.default_rng(0).permutation(len(paths))]
    joined = b"\n".join(path.read_bytes() for path in paths)
    if len(joined) < 5_000_000:
        raise SystemExit(f"`--text` must be a folder with 5 MB of *.rst.txt. Got {folder}.")
    pieces = _PIECE.findall(joined)
    counts = collections.Counter(piece for piece in pieces if len(piece) > 1)
    saved = sorted(counts, key=lambda piece: (-counts[piece] * (len(piece) - 1), piece))
    table = {piece: (128 + rank,) for rank, piece in enumerate(saved[: codes - 128])}
    for piece in set(pieces) - set(table):
        table[piece] = tuple(min(byte, 127) for byte in piece)
    return np.array([code for piece in pieces for code in table[piece]], np.int32), len(joined)


def text_batches(text: np.ndarray, *, batch: int, context: int, seed: int) -> Iterator[Batch]:
    """Windows at random: inputs and labels ``[batch, context]``, and the weight of each label."""
    random = np.random.default_rng(seed)
    ones = np.ones([batch, context], np.float32)
    while True:
        starts = random.integers(0, len(text) - context - 1, batch)
        rows = text[starts[:, None] + np.arange(context + 1)]
        yield rows[:, :-1], rows[:, 1:], ones


# Codes of the recall tasks: 16 that carry something, one that asks, one that means nothing.
DATA, ASK, NOISE, RECALL_CODES = 16, 16, 17, 18
ANSWERS = 8


def recall_batches(
    task: str, *, batch: int, context: int, seed: int, hard: bool
) -> Iterator[Batch]:
    """The papers' synthetic tasks, with the loss on the answers alone.

    "induction": among random codes stands a special one, followed by the answer; where it comes
    again, the answer is to be told. "copying": eight codes at random places of noise, to be told in
    their order at the end.

    Args:
      task: "induction" or "copying".
      batch: Rows.
      context: Tokens of a row.
      seed: Of the draw.
      hard: Whether the special code is asked for once, at the end, and first came in the first half
        of the row, as for measuring; else it comes eight times, anywhere, as for training.
    """
    random = np.random.default_rng(seed)
    while True:
        weight = np.zeros([batch, context], np.float32)
        if task == "induction":
            x = random.integers(0, DATA, [batch, context + 1])
            for row in range(batch):
                answer = random.integers(DATA)
                if hard:
                    places = np.array([random.integers(context // 2 - 1), context - 1])
                else:
                    places = 2 * np.sort(random.choice(context // 2, 8, replace=False))
                x[row, places], x[row, places + 1] = ASK, answer
                weight[row, places[1:]] = 1
        else:
            x = np.full([batch, context + 1], NOISE)
            for row in range(batch):
                data = random.permutation(DATA)[:ANSWERS]
                places = np.sort(random.choice(context - ANSWERS - 1, ANSWERS, replace=False))
                x[row, places] = data
                x[row, -ANSWERS - 1] = ASK
                x[row, -ANSWERS:] = data
            weight[:, -ANSWERS:] = 1
        yield x[:, :-1].astype(np.int32), x[:, 1:].astype(np.int32), weight
