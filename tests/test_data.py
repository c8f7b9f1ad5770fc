"""The pictures as scikit-learn has them, and IDX files, right and wrong."""

import gzip
import re
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_images

from cnnref import data

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array, dtype):
    """Write an array in the IDX format."""
    head = bytes([0, 0, CODES[dtype], array.ndim])
    return (
        head
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(f">{dtype}").tobytes()
    )


MATRIX = idx(np.arange(6).reshape(2, 3), "i2")  # a head of 12 bytes, and 12 of entries
ZIPPED = gzip.compress(MATRIX, mtime=0)  # the time would differ from worker to worker


# What scikit-learn carries ------------------------------------------------------------


def test_the_digits_are_those_of_scikit_learn():
    images, labels = data.digits()
    expected = load_digits()
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(16 * images.reshape(1797, 64), expected.data)
    np.testing.assert_array_equal(labels, expected.target)
    assert (images.min(), images.max()) == (0, 1)


def test_the_photographs_are_those_of_scikit_learn():
    photographs = data.photographs()
    assert [*photographs] == ["china", "flower"]
    for image, expected in zip(photographs.values(), load_sample_images().images):
        assert image.dtype == np.float32
        bytes_again = np.rint(255 * np.moveaxis(image, 0, -1)).astype("u1")
        np.testing.assert_array_equal(bytes_again, expected)


# Splitting ----------------------------------------------------------------------------


def test_every_entry_is_on_one_side_and_the_arrays_stay_together():
    x = np.arange(20).reshape(10, 2)
    y = x[:, 0]
    (x_rest, y_rest), (x_aside, y_aside) = data.split((x, y), 3)
    assert (len(x_rest), len(x_aside)) == (7, 3)
    np.testing.assert_array_equal(x_rest[:, 0], y_rest)
    np.testing.assert_array_equal(x_aside[:, 0], y_aside)
    assert sorted([*y_rest, *y_aside]) == sorted(y)


def test_the_seed_alone_decides_the_split():
    def aside(seed):
        return [*data.split([np.arange(100)], 30, seed)[1][0]]

    assert aside(5) == aside(5)
    assert aside(5) != aside(6)
    assert aside(5) != sorted(aside(5))


@pytest.mark.parametrize("held_out", [0, 4])
def test_all_or_none_may_be_held_out(held_out):
    (rest,), (aside,) = data.split([np.arange(4)], held_out)
    assert (len(rest), len(aside)) == (4 - held_out, held_out)


@pytest.mark.parametrize(
    ("lengths", "held_out", "message"),
    [
        ((4, 5), 2, r"the arrays have \[4, 5\] entries, not one N"),
        ((), 2, r"the arrays have \[\] entries, not one N"),
        ((4, 4), 5, "held_out must be from 0 to 4, got 5"),
        ((4,), -1, "held_out must be from 0 to 4, got -1"),
    ],
)
def test_a_wrong_split_is_refused(lengths, held_out, message):
    with pytest.raises(ValueError, match=f"^split: {message}"):
        data.split([np.ones(n) for n in lengths], held_out)


# IDX files ----------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (0, 28, 28), ()])
@pytest.mark.parametrize("dtype", CODES)
def test_what_was_written_is_read(tmp_path, dtype, shape, zipped):
    values = np.random.default_rng(0).integers(0, 100, shape)
    array = np.array(values if dtype[0] == "u" else values - 50).astype(dtype)
    content = idx(array, dtype)
    (tmp_path / "x").write_bytes(gzip.compress(content) if zipped else content)
    read = data.read_idx(tmp_path / "x")
    np.testing.assert_array_equal(read, array, strict=True)
    assert read.dtype.isnative
    assert read.flags.writeable


def test_the_byte_order_is_big_endian(tmp_path):
    (tmp_path / "x").write_bytes(bytes([0, 0, 0x0C, 1, 0, 0, 0, 1, 0, 0, 1, 2]))
    assert data.read_idx(tmp_path / "x") == [258]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing; an IDX file begins with 00 00"),
        (MATRIX[:3], "begins with 00 00 0b; an IDX"),
        (b"\0\1" + MATRIX[2:], "begins with 00 01 0b 02; an IDX"),
        (b"\0\0\x0a" + MATRIX[3:], "begins with 00 00 0a 02; an IDX"),
        (
            MATRIX[:11],
            "cut short: the sizes of its 2 axes end at byte 12, but it has 11",
        ),
        (
            MATRIX[:-1],
            r"has 11 bytes of entries, but its shape \(2, 3\) of int16 takes 12",
        ),
        (MATRIX + b"!", r"has 13 bytes of entries, but its shape \(2, 3\) of int16"),
        (
            bytes([0, 0, 8, 3]) + b"\xff" * 12,
            rf"has 0 bytes of entries, .* takes {(2**32 - 1) ** 3}",
        ),
        (
            bytes([0, 0, 8, 65]) + bytes([0, 0, 0, 1]) * 65 + b"!",
            "has 65 axes, more or larger than NumPy's: ",
        ),
        (
            bytes([0, 0, 8, 4, 0, 0, 0, 0]) + b"\xff" * 12,
            "has 4 axes, more or larger than NumPy's: ",
        ),
        (ZIPPED[:-9], "is a damaged gzip file: .*ended before"),
        (ZIPPED[:10] + b"\xff" * 9, "is a damaged gzip file: "),
        (ZIPPED[:-8] + b"\0" * 8, "is a damaged gzip file: CRC check"),
        (gzip.compress(MATRIX[:11], mtime=0), "cut short: .* byte 12, but it has 11"),
    ],
)
def test_a_damaged_file_is_refused_with_its_numbers(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    where = re.escape(str(tmp_path / "x"))
    with pytest.raises(ValueError, match=f"^read_idx: {where} (is )?{message}"):
        data.read_idx(tmp_path / "x")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        data.read_idx(tmp_path / "missing")
