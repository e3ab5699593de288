"""Reads the few kinds of pickle that graph data sets come in, without running what is in them.

Unpickling calls whatever function a file names. Here a file may name only those below, and each
stands for a plain holder of ours: numpy arrays of numbers, scipy's compressed sparse rows, and
dictionaries of lists. Anything else is refused, whoever wrote the file.
"""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
from typing import Any

import numpy as np
import scipy.sparse


class _Array:
    """A pickled numpy array, before it is one."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if dtype.kind == "O":
            self.value = [_plain(item) for item in content]
            return
        raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
        flat = np.frombuffer(raw, dtype.dtype())
        self.value = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


class _DType:
    """A pickled numpy dtype: numbers, booleans and objects only."""

    def __init__(self, name: str, *_: Any) -> None:
        if not (isinstance(name, str) and name[:1] in "biufO" and name[1:].isdigit()):
            raise pickle.UnpicklingError(f"dtype {name!r}")
        self.name, self.kind, self.order = name, name[0], "<"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(f"{'' if self.order == '|' else self.order}{self.name}")


class _Rows:
    """A pickled scipy.sparse.csr_matrix; its attributes are set as they are found."""

    def __setstate__(self, state: Any) -> None:
        self.state = dict(state)

    def matrix(self) -> scipy.sparse.csr_matrix:
        part = {name: _plain(value) for name, value in self.state.items()}
        matrix = scipy.sparse.csr_matrix(
            (part["data"], part["indices"], part["indptr"]),
            shape=part["_shape"],
        )
        matrix.check_format(full_check=True)
        return matrix


def _new(holder: Any, *_: Any) -> Any:
    if holder not in (_Array, _Rows):
        raise pickle.UnpicklingError("an object of another kind")
    return holder()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: str, *_: Any) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", content))
    return array


def _no_bytes() -> bytes:
    return b""


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("collections", "defaultdict"): collections.defaultdict,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,  # So protocol 2 writes an empty string of bytes.
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    **{(f"numpy.{module}.multiarray", "_reconstruct"): _new for module in ("core", "_core")},
    **{(f"scipy.sparse.{module}", "csr_matrix"): _Rows for module in ("csr", "_csr")},
    **{(module, "_reconstructor"): _new for module in ("copy_reg", "copyreg")},
    **{(module, "object"): object for module in ("__builtin__", "builtins")},
    **{(module, "list"): list for module in ("__builtin__", "builtins")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        found = _ALLOWED.get((module_name, global_name))
        if found is None:
            raise pickle.UnpicklingError(f"{module_name}.{global_name}")
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, _Rows):
        return value.matrix()
    return value


def _check_memo(content: bytes) -> None:
    """Refuses places in the memo beyond what was read: pickle would make room up to there."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name in ("PUT", "LONG_BINPUT") and argument is not None and argument > count:
            raise pickle.UnpicklingError(f"place {argument} in its memo")


def load_plain(content: bytes, name: str) -> Any:
    """Unpickles an array, a sparse matrix or a dictionary of lists.

    Args:
      content: The bytes; what follows the pickle is left unread.
      name: What errors call it, such as its path.

    Returns:
      An array (an array of objects as a list), a `scipy.sparse.csr_matrix` or a dictionary.

    Raises:
      ValueError: It is no pickle, or holds anything else.

    >>> load_plain(pickle.dumps(np.array([[1, 2]])), "a.pkl").tolist()
    [[1, 2]]
    >>> load_plain(pickle.dumps(print), "a.pkl")
    Traceback (most recent call last):
    ValueError: a.pkl: must be a pickle of arrays, sparse rows and lists only. Got: builtins.print.
    """
    try:
        _check_memo(content)
        return _plain(_Unpickler(io.BytesIO(content), encoding="latin1").load())
    except Exception as error:  # A damaged pickle fails in every way there is.
        shown = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise ValueError(
            f"{name}: must be a pickle of arrays, sparse rows and lists only. Got: {shown}."
        ) from None
