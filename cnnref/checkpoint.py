"""Arrays in `.safetensors` files: what a model learnt, kept and exchanged with PyTorch.

The format is a header of names, dtypes and shapes, then the bytes of the arrays.  To
read one runs nothing that the file contains.
"""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as serialize

__all__ = ["load", "load_metadata", "save"]

# The format's dtypes that NumPy has, by the format's names for them.
_DTYPES = {
    **{f"F{8 * n}": np.dtype(f"<f{n}") for n in (2, 4, 8)},
    **{f"I{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    "BOOL": np.dtype(bool),
    "C64": np.dtype("<c8"),
}


def save(path, arrays, metadata=None):
    """Write arrays to a file, all of them or none.

    They go to a new file in the same folder, which takes the path's place only when it
    is whole and on the disk.  So the path holds the old arrays or the new ones, even if
    the program or the machine stops in between.  A file that was there passes on who
    may read and write it.

    Parameters
    ----------
    path : str or path
        By custom it ends in ``.safetensors``.
    arrays : dict of str to array
        For example a layer's ``state_dict()``.  Booleans, integers, float16, float32,
        float64 and complex64.
    metadata : dict of str to str, optional
        Words that describe them.

    Raises
    ------
    TypeError
        If a name, an array or the metadata cannot be written.
    ValueError
        If an array has the name ``__metadata__``, which the format reserves.
    OSError
        If the file cannot be written; what was there is left as it was.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(f"{folder}/a.safetensors", {"weight": np.arange(3.0)}, {"epoch": "7"})
    ...     load(f"{folder}/a.safetensors"), load_metadata(f"{folder}/a.safetensors")
    ({'weight': array([0., 1., 2.])}, {'epoch': '7'})
    """
    _check(arrays, metadata)
    # The library writes the memory as it lies, so it must lie in order.
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    # Through a link the file that it names is replaced, not the link.
    path = Path(os.path.realpath(path))
    fresh = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with open(fresh, "xb") as file:
            file.write(serialize(ordered, metadata))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):  # where there was no file before
            shutil.copymode(path, fresh)
        os.replace(fresh, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


def load(path):
    """Read the arrays of a file, by their names.

    A file that PyTorch's users wrote with ``safetensors.torch.save_file`` loads as it
    is.  NumPy has no bfloat16: such entries become the float32 of the same value.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a whole safetensors file, or has a dtype that NumPy has not.
    """
    entries = _entries("load", path, Path(path).read_bytes())
    return {name: _array(path, name, **entry) for name, entry in entries}


def load_metadata(path):
    """Read the words that were saved beside the arrays.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load`.
    """
    data = Path(path).read_bytes()
    _entries("load_metadata", path, data)
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]).get("__metadata__", {})


def _check(arrays, metadata):
    for label, given in {"arrays": arrays, "metadata": metadata or {}}.items():
        if not isinstance(given, dict):
            kind = type(given).__name__
            raise TypeError(f"save: {label} must be a dict, not {kind}")
    for name, array in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"save: the name {name!r} must be a string")
        if name == "__metadata__":
            raise ValueError("save: the name __metadata__ is the format's own")
        if not isinstance(array, np.ndarray) or np.ma.isMaskedArray(array):
            kind = type(array).__name__
            raise TypeError(f"save: {name} must be a NumPy array, not {kind}")
        if array.dtype.newbyteorder("<") not in _DTYPES.values():
            raise TypeError(f"save: {name} has dtype {array.dtype}, not of the format")
    for key, value in (metadata or {}).items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise TypeError(f"save: metadata must be strings, got {key!r}: {value!r}")


def _entries(function, path, data):
    """Return every entry of a whole file: its name, dtype, shape and bytes."""
    try:
        return deserialize(data)
    except SafetensorError as error:
        zipped = data.startswith(b"PK\x03\x04")
        what = "a zip archive (as torch.save writes)" if zipped else "a file"
        raise ValueError(
            f"{function}: {path} is {what} of {len(data)} bytes, "
            f"not a whole safetensors file: {error}"
        ) from None


def _array(path, name, dtype, shape, data):
    """Return one entry as an array of its own, in the machine's byte order."""
    if dtype == "BF16":
        # The upper half of a float32: its sign, exponent and first seven digits.
        halves = np.frombuffer(data, "<u2").astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(shape)
    if dtype not in _DTYPES:
        raise ValueError(f"load: {path}: {name} is {dtype}, which NumPy has not")
    array = np.frombuffer(data, _DTYPES[dtype]).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
