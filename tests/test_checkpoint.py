"""Files of arrays: whole or not at all, PyTorch's as they are, and nothing else."""

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import cnnref
from cnnref import checkpoint

DTYPES = [
    *("f2", "f4", "f8", "c8", "?"),
    *(f"{s}{n}" for s in "iu" for n in (1, 2, 4, 8)),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def same(got, expected):
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, strict=True)


# There and back -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_was_saved_is_loaded(path, dtype):
    arrays = {
        "matrix": np.arange(6).reshape(2, 3).astype(dtype),
        "one number": np.array(3).astype(dtype),
        "nothing": np.ones((0, 2), dtype),
    }
    checkpoint.save(path, arrays)
    same(checkpoint.load(path), arrays)


def test_every_bit_of_a_float_is_kept(path):
    values = [
        np.nan,
        -np.nan,
        np.inf,
        -np.inf,
        -0.0,
        5e-324,
        0.1,
        1.7976931348623157e308,
    ]
    checkpoint.save(path, {"x": np.array(values)})
    assert checkpoint.load(path)["x"].tobytes() == np.array(values).tobytes()


@pytest.mark.parametrize(
    "lying",
    [
        lambda a: a.T,
        lambda a: a[::-1, ::2],
        lambda a: np.broadcast_to(a[0], (3, 4)),
        lambda a: a.astype(">f8"),
        np.asfortranarray,
    ],
)
def test_an_array_is_saved_wherever_and_however_it_lies(path, lying):
    """The library writes the memory of an array, which here is in another order."""
    array = lying(np.arange(12.0).reshape(3, 4))
    checkpoint.save(path, {"x": array})
    np.testing.assert_array_equal(checkpoint.load(path)["x"], array)
    assert checkpoint.load(path)["x"].dtype == np.float64


def test_loaded_arrays_are_the_callers_own(path):
    checkpoint.save(path, {"x": np.zeros(3)})
    x = checkpoint.load(path)["x"]
    x += 1
    same(checkpoint.load(path), {"x": np.zeros(3)})


def test_metadata_is_kept_beside_the_arrays(path):
    checkpoint.save(path, {"x": np.zeros(3)}, {"épochs": "7", "note": "line\nline"})
    assert checkpoint.load_metadata(path) == {"épochs": "7", "note": "line\nline"}
    same(checkpoint.load(path), {"x": np.zeros(3)})
    checkpoint.save(path, {})
    assert checkpoint.load_metadata(path) == checkpoint.load(path) == {}


# PyTorch's files ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_file_written_with_torch_loads(path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    save_file({"x": torch.from_numpy(array)}, path, {"format": "pt"})
    same(checkpoint.load(path), {"x": array})
    assert checkpoint.load_metadata(path) == {"format": "pt"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_loads_the_file(path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    checkpoint.save(path, {"x": array})
    same({k: v.numpy() for k, v in load_file(path).items()}, {"x": array})


def test_bfloat16_becomes_float32_of_the_same_value(path):
    every = torch.arange(2**16).to(torch.uint16).view(torch.bfloat16).reshape(256, 256)
    save_file({"x": every}, path)
    same(checkpoint.load(path), {"x": every.float().numpy()})


def test_the_state_of_a_network_in_torch_loads(path):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    save_file(net.state_dict(), path)
    same(checkpoint.load(path), {k: v.numpy() for k, v in net.state_dict().items()})


def test_a_dtype_that_numpy_has_not_is_named(path):
    save_file({"w": torch.zeros(2, dtype=torch.float8_e4m3fn)}, path)
    with pytest.raises(ValueError, match=f"load: {path}: w is F8_E4M3, which NumPy"):
        checkpoint.load(path)


# Wrong files --------------------------------------------------------------------------


def foreign(path):
    """Yield contents that are no safetensors file, with what is said of them."""
    yield b"", "a file of 0 bytes, not a whole safetensors file: .*too small"
    yield b"weights: 1 2 3\n", "a file of 15 bytes, .*: .*too large"
    yield pickle.dumps({"x": [1.0] * 9}), "a file of .*"
    yield np.arange(9.0).tobytes(), "a file of 72 bytes"
    yield (2).to_bytes(8, "little") + b"[]", "a file of 10 bytes"
    torch.save({"x": torch.ones(3)}, path)
    yield path.read_bytes(), r"a zip archive \(as torch.save writes\) of \d+ bytes"


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("read", [checkpoint.load, checkpoint.load_metadata])
def test_a_foreign_file_is_refused(path, case, read):
    content, said = [*foreign(path)][case]
    path.write_bytes(content)
    message = f"^{read.__name__}: {re.escape(str(path))} is {said}"
    with pytest.raises(ValueError, match=message):
        read(path)


@pytest.mark.parametrize("read", [checkpoint.load, checkpoint.load_metadata])
def test_a_file_cut_short_anywhere_is_refused(path, read):
    checkpoint.save(path, {"x": np.arange(4.0), "y": np.ones(2, "i1")}, {"k": "v"})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=f"a file of {size} bytes, not a whole"):
            read(path)
    path.write_bytes(whole + b"!")
    with pytest.raises(ValueError, match=f"a file of {len(whole) + 1} bytes"):
        read(path)


@pytest.mark.parametrize("read", [checkpoint.load, checkpoint.load_metadata])
def test_a_missing_file_and_a_folder_are_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=re.escape(f"'{tmp_path}/missing'")):
        read(tmp_path / "missing")
    with pytest.raises(IsADirectoryError, match=re.escape(f"'{tmp_path}'")):
        read(tmp_path)


# Wrong arrays -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "message"),
    [
        ({"w": [1.0]}, None, TypeError, "w must be a NumPy array, not list"),
        ({"w": torch.ones(2)}, None, TypeError, "w must be a NumPy array, not Tensor"),
        ({"w": np.ma.ones(2)}, None, TypeError, "NumPy array, not MaskedArray"),
        ({"w": np.float64(1)}, None, TypeError, "w must be a NumPy array, not float64"),
        ({"w": np.ones(2, object)}, None, TypeError, "w has dtype object, not of the"),
        ({"w": np.ones(2, "c16")}, None, TypeError, "w has dtype complex128, not of"),
        (
            {"w": np.ones(2, "U3")},
            None,
            TypeError,
            "w has dtype <U3, not of the format",
        ),
        ({7: np.ones(2)}, None, TypeError, "the name 7 must be a string"),
        (
            {"__metadata__": np.ones(2)},
            None,
            ValueError,
            "__metadata__ is the format's",
        ),
        ({}, {"epoch": 7}, TypeError, "metadata must be strings, got 'epoch': 7"),
        ({}, {7: "epoch"}, TypeError, "metadata must be strings, got 7: 'epoch'"),
        ([np.ones(2)], None, TypeError, "arrays must be a dict, not list"),
        (None, None, TypeError, "arrays must be a dict, not NoneType"),
        ({}, "epoch 7", TypeError, "metadata must be a dict, not str"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(path, arrays, metadata, error, message):
    with pytest.raises(error, match=f"^save: .*{message}"):
        checkpoint.save(path, arrays, metadata)
    assert not path.exists()


# Whole or not at all ------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_no_other(
    path, monkeypatch, step, error
):
    def fail(*_):
        raise error

    checkpoint.save(path, {"x": np.zeros(3)})
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        checkpoint.save(path, {"x": np.ones(3)})
    same(checkpoint.load(path), {"x": np.zeros(3)})
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        checkpoint.save(tmp_path / "missing" / "x.safetensors", {})


def test_the_new_file_is_on_the_disk_before_it_takes_the_name(path, monkeypatch):
    steps, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda f: (steps.append("fsync"), fsync(f)))
    monkeypatch.setattr(
        os, "replace", lambda a, b: (steps.append("replace"), replace(a, b))
    )
    checkpoint.save(path, {"x": np.zeros(3)})
    assert steps == ["fsync", "replace"]


def test_the_file_is_as_readable_as_any_other(path):
    """A temporary file of the library's own would be the owner's alone."""
    checkpoint.save(path, {})
    (path.parent / "other").touch()
    assert path.stat().st_mode == (path.parent / "other").stat().st_mode


def test_a_file_that_is_there_passes_on_who_may_read_it(path):
    """Else what its owner has closed to others would be open to them again."""
    checkpoint.save(path, {})
    path.chmod(0o600)
    checkpoint.save(path, {"x": np.zeros(3)})
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_goes_on_to_name_its_file(path):
    link = path.with_name("latest")
    link.symlink_to(path.name)
    checkpoint.save(link, {"x": np.zeros(3)})
    assert link.is_symlink()
    same(checkpoint.load(path), {"x": np.zeros(3)})


# No pickle ----------------------------------------------------------------------------


def test_no_file_of_the_package_can_unpickle():
    """Neither pickle nor what uses it: a file that is loaded runs no code."""
    means = r"pickle|shelve|marshal|joblib|np\.(load|save)\b|torch\.(load|save)\("
    sources = [*Path(cnnref.__file__).parent.rglob("*.py")]
    assert len(sources) > 10
    found = [p.name for p in sources if re.search(means, p.read_text(encoding="utf-8"))]
    assert found == []
