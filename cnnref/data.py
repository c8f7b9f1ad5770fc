"""Pictures to learn from: handwritten digits, two photographs, and files of MNIST's.

Images are float32 from 0 to 1, channels before height and width, as layers take them.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

__all__ = ["digits", "photographs", "read_idx", "split"]


def digits():
    """Return scikit-learn's 1797 handwritten digits.

    Returns
    -------
    images : (1797, 1, 8, 8), float32
        Each pixel is one of 17 greys, 0 to 16 sixteenths.
    labels : (1797,), int64
        0 to 9.

    Notes
    -----
    They are the test set of "Optical Recognition of Handwritten Digits", collected by
    E. Alpaydin and C. Kaynak; scikit-learn carries them, so nothing is downloaded.

    Examples
    --------
    >>> images, labels = digits()
    >>> images.shape, labels[:5]
    ((1797, 1, 8, 8), array([0, 1, 2, 3, 4]))
    """
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    return (rows.reshape(-1, 1, 8, 8) / 16).astype("f4"), labels.astype("i8")


def photographs():
    """Return scikit-learn's two photographs, a Chinese temple and a flower.

    Returns
    -------
    dict of str to (3, 427, 640), float32
        ``"china"`` and ``"flower"``: red, green and blue.

    Examples
    --------
    >>> {name: image.shape for name, image in photographs().items()}
    {'china': (3, 427, 640), 'flower': (3, 427, 640)}
    """
    from sklearn.datasets import load_sample_images

    found = load_sample_images()
    return {
        Path(name).stem: (np.moveaxis(image, -1, 0) / 255).astype("f4")
        for name, image in zip(found.filenames, found.images)
    }


def split(arrays, held_out, seed=0):
    """Set some entries aside at random, to judge by what the rest has taught.

    Parameters
    ----------
    arrays : sequence of (N, …)
        Each is split in the same way.
    held_out : int
        How many of the N entries are set aside.
    seed : int
        The same seed gives the same split.

    Returns
    -------
    rest, aside : two tuples of arrays

    Raises
    ------
    ValueError
        If the arrays differ in their length N, or ``held_out`` is not from 0 to N.

    Examples
    --------
    >>> (x, y), (x_held_out, y_held_out) = split(digits(), 297)
    >>> x.shape, y_held_out.shape
    ((1500, 1, 8, 8), (297,))
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"split: the arrays have {sorted(lengths)} entries, not one N")
    (length,) = lengths
    if not 0 <= held_out <= length:
        raise ValueError(f"split: held_out must be from 0 to {length}, got {held_out}")
    order = np.random.default_rng(seed).permutation(length)
    return tuple(
        tuple(array[chosen] for array in arrays)
        for chosen in (order[held_out:], order[:held_out])
    )


# The codes of the format's dtypes, which are big-endian.
_IDX = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path):
    """Read an array from a file in the IDX format, in which MNIST is published.

    Two zero bytes, a code for the dtype, the number of axes, the size of each in four
    bytes, and then the entries, the last axis fastest.  A file compressed by gzip is
    read as it is.

    Returns
    -------
    array : of the file's dtype, in the machine's byte order

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or in another format.

    Notes
    -----
    MNIST's images are (N, 28, 28) bytes: ``images[:, None] / np.float32(255)`` is what
    a network takes.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> sizes = bytes([0, 0, 0, 1, 0, 0, 0, 3])
    >>> with NamedTemporaryFile(buffering=0) as file:
    ...     written = file.write(bytes([0, 0, 8, 2]) + sizes + bytes([7, 8, 9]))
    ...     read_idx(file.name)
    array([[7, 8, 9]], dtype=uint8)
    """
    data = _unzipped(path, Path(path).read_bytes())
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX:
        raise ValueError(
            f"read_idx: {path} begins with {data[:4].hex(' ') or 'nothing'}; an IDX "
            "file begins with 00 00, a dtype from 08 to 0e, and its number of axes"
        )
    dtype, axes = np.dtype(_IDX[data[2]]), data[3]
    start = 4 + 4 * axes
    if len(data) < start:
        raise ValueError(
            f"read_idx: {path} is cut short: the sizes of its {axes} axes end at byte "
            f"{start}, but it has {len(data)}"
        )
    shape = tuple(map(int, np.frombuffer(data[4:start], ">u4")))
    expected, found = math.prod(shape) * dtype.itemsize, len(data) - start
    if found != expected:
        raise ValueError(
            f"read_idx: {path} has {found} bytes of entries, but its shape {shape} of "
            f"{dtype.name} takes {expected}"
        )
    entries = np.frombuffer(data, dtype, offset=start)
    try:
        entries = entries.reshape(shape)
    except ValueError as error:
        raise ValueError(
            f"read_idx: {path} has {axes} axes, more or larger than NumPy's: {error}"
        ) from None
    return entries.astype(dtype.newbyteorder("="))


def _unzipped(path, data):
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"read_idx: {path} is a damaged gzip file: {error}") from None
