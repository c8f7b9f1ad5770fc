"""The contractions a tile at a time: on symbols what they are in one piece."""

import numpy as np
import pytest
from operations import few_calls

from cnnref import correlation, tiles
from cnnref.symbolic import polynomial_arrays
from cnnref.verify import settings_of

# _BYTES, _FEW, _ENOUGH and _MANY: how the work is cut.
CUTS = {
    "as shipped": (2**21, 192, 512, 2048),
    "each row of each image, and single channels": (1, 1, 0, 0),
    "rows, with columns for two": (1, 2, 0, 0),
    "images side by side, then their rows": (2**9, 1, 2**9, 2**9),
    "all images side by side": (2**30, 1, 2**30, 2**30),
}


def arguments(call):
    """Return what each contraction takes, on symbols."""
    settings, x = settings_of(call), call.arrays["input"]
    x = x if x.ndim == call.arrays["weight"].ndim else x[None]
    shapes = {"x": x.shape, "w": call.arrays["weight"].shape}
    kernel = shapes["w"][2:]
    out = correlation.im2col(x[:1], kernel, settings).shape[3:]
    shapes["g"] = (len(x), shapes["w"][0], *out)
    x, w, g = polynomial_arrays(**shapes)
    return {
        "correlate": (x, w, settings),
        "correlate_input": (g, w, x.shape[2:], settings),
        "correlate_weight": (g, x, kernel, settings),
    }


def counted(monkeypatch):
    """Count how often each contraction is called for a tile."""
    counts = dict.fromkeys(tiles.__all__, 0)

    def count(name):
        whole = getattr(correlation, name)

        def part(*arguments):
            counts[name] += 1
            return whole(*arguments)

        monkeypatch.setattr(correlation, name, part)

    for name in counts:
        count(name)
    return counts


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d"])
def test_the_sum_over_tiles_is_the_sum(name, cut, monkeypatch):
    whole = {k: getattr(correlation, k) for k in tiles.__all__}
    counts = counted(monkeypatch)
    for constant, value in zip(("_BYTES", "_FEW", "_ENOUGH", "_MANY"), CUTS[cut]):
        monkeypatch.setattr(tiles, constant, value)
    few = few_calls(name)[:40]
    for call in few:
        for contraction, given in arguments(call).items():
            got = getattr(tiles, contraction)(*given)
            expected = whole[contraction](*given)
            np.testing.assert_array_equal(got, expected, strict=True)
    if "each row" in cut:
        assert min(counts.values()) > 2 * len(few)


def test_the_bias_is_added_once(monkeypatch):
    monkeypatch.setattr(tiles, "_BYTES", 1)
    monkeypatch.setattr(tiles, "_FEW", 1)
    settings = correlation.Settings((1, 1), ((1, 1), (0, 0)), (1, 1), 1)
    x, w, b = polynomial_arrays(x=(2, 3, 3, 2), w=(2, 3, 2, 1), b=(2,))
    expected = correlation.correlate(x, w, settings) + b.reshape(2, 1, 1)
    got = tiles.correlate(x, w, settings, b)
    np.testing.assert_array_equal(got, expected, strict=True)


def test_cuts_are_nearly_equal():
    cuts = tiles._cuts(10, 4)
    assert [cut.stop - cut.start for cut in cuts] == [2, 3, 2, 3]
    assert [cut.start for cut in cuts[1:]] == [cut.stop for cut in cuts[:-1]]
