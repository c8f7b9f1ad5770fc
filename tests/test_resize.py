"""Resizing: known answers, laws, what PyTorch does twice in two ways, and mutants."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from operations import calls, few_calls, noticed, with_arrays

from cnnref import functional, resize
from cnnref.sparse import Sparse
from cnnref.verify import Call, torch_sweep

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
NEAREST = ["nearest", "nearest-exact"]


def matrix(h, n, dtype=object, **settings):
    """Return the matrix of a mode along one axis: images of the unit vectors."""
    unit = np.eye(h, dtype=int).astype(dtype)[:, None]
    if settings.get("mode") in ("bilinear", "bicubic"):
        unit, n = np.repeat(unit[..., None], 2, axis=-1), (n, 2)
    y = functional.interpolate(unit, size=n, **settings)
    return y.reshape(h, np.ravel(n)[0], -1)[..., 0].T


# Known answers ------------------------------------------------------------------------


def test_linear_with_borders_that_coincide_by_hand():
    """Pixels at ¼, ¾, 1¼ and 1¾ of two pixels' width."""
    quarters = 4 * matrix(2, 4, mode="linear")
    assert quarters.tolist() == [[4, 0], [3, 1], [1, 3], [0, 4]]


def test_linear_with_aligned_corners_by_hand():
    thirds = 3 * matrix(2, 4, mode="linear", align_corners=True)
    assert thirds.tolist() == [[3, 0], [2, 1], [1, 2], [0, 3]]


def test_keys_cubic_by_hand():
    """Between two pixels κ(½) = 19/32 and κ(3/2) = −3/32, as a is −¾."""
    middle = matrix(4, 2, mode="bicubic")[0] * 32
    assert middle.tolist() == [19 - 3, 19, -3, 0]


def test_area_by_hand():
    """Five pixels in two windows share the third."""
    assert (3 * matrix(5, 2, mode="area")).tolist() == [
        [1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1],
    ]


def test_antialiasing_by_hand():
    """At half the size the hat reaches over four pixels."""
    eighths = 8 * matrix(8, 4, mode="bilinear", antialias=True)[1]
    assert eighths.tolist() == [0, 1, 3, 3, 1, 0, 0, 0]


def test_nearest_modes_differ_where_the_centre_counts():
    assert matrix(5, 2, mode="nearest").argmax(axis=1).tolist() == [0, 2]
    assert matrix(5, 2, mode="nearest-exact").argmax(axis=1).tolist() == [1, 3]


# Laws ---------------------------------------------------------------------------------


def test_the_gradient_is_the_adjoint():
    """⟨g, y⟩ = ⟨∂x, x⟩, exactly on fractions."""
    exact = np.vectorize(Fraction, otypes=[object])
    for call in few_calls("interpolate_backward"):
        if not call.arrays["input"].size:
            continue
        arrays = dict(with_arrays(call, exact).arrays)
        g = arrays.pop("grad_output")
        y = Call(arrays, call.settings).of(functional.interpolate)
        back = Call({"grad_output": g, **arrays}, call.settings)
        dx = back.of(functional.interpolate_backward)
        assert (g * y).sum() == (dx * arrays["input"]).sum()


def test_every_mode_leaves_a_constant_image_as_it_is():
    """The weights of each output add up to 1, exactly."""
    for call in few_calls("interpolate"):
        one = with_arrays(call, lambda a: np.full(a.shape, Fraction(1), object))
        assert (one.of(functional.interpolate) == 1).all()


@pytest.mark.parametrize(
    ("mode", "align_corners", "antialias"),
    [("linear", False, False), ("linear", True, False), ("bicubic", False, True)],
)
def test_a_ramp_stays_a_ramp_inside(mode, align_corners, antialias):
    """These weights reproduce u itself, away from the border.

    Keys' cubic does so for a = −½ alone, which PyTorch takes with antialiasing.
    """
    settings = {"align_corners": align_corners, "antialias": antialias}
    half = 0 if align_corners else Fraction(1, 2)
    t = Fraction(8, 12) if align_corners else Fraction(9, 13)
    u = (np.arange(13) + half) * t - half
    ramp = matrix(9, 13, mode=mode, **settings) @ np.arange(9).astype(object)
    np.testing.assert_array_equal(ramp[3:-3], u[3:-3])


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_modes_by_area_are_the_adaptive_average(axes):
    x = np.random.default_rng(0).integers(-4, 5, (2, 3, 5, 4, 6)[: 2 + axes]) / 1.0
    size = (2, 3, 4)[:axes]
    pool = getattr(torch.nn.functional, f"adaptive_avg_pool{axes}d")
    expected = pool(torch.from_numpy(x), size).numpy()
    y = functional.interpolate(x, size, mode="area")
    np.testing.assert_allclose(y, expected, rtol=1e-14, atol=1e-14)


# Against PyTorch, beyond the sweep ----------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("mode", NEAREST)
def test_nearest_reads_where_pytorch_reads_for_all_small_sizes(mode, dtype):
    """Forward and back, in images and volumes alike."""
    for h, n in product(range(1, 14), range(1, 18)):
        places = np.arange(h, dtype=dtype)
        for shape in ((1, 1, h), (1, 1, 1, h), (1, 1, 1, 1, h)):
            size = (*(1,) * (len(shape) - 3), n)
            call = Call({"input": places.reshape(shape)}, {"size": size, "mode": mode})
            sweep = torch_sweep("interpolate", [call])
            assert (
                sweep._replace(tolerance=0.0).disagreement(functional.interpolate)
                is None
            )
            g = np.arange(1.0, n + 1).astype(dtype).reshape(*shape[:-1], n)
            back = torch_sweep("interpolate_backward", [call.replace(grad_output=g)])
            assert back.disagreement(functional.interpolate_backward) is None


def weights_of_torch(h, n, backward, **settings):
    """Return the matrix of PyTorch's forward, or the transpose of its gradient's."""
    x = torch.eye(h, dtype=torch.float64)[:, None].requires_grad_()
    y = torch.nn.functional.interpolate(x, **settings)
    assert y.shape[-1] == n
    if not backward:
        return y[:, 0].T.detach().numpy()
    columns = [
        torch.autograd.grad(y[0, 0, p], x, retain_graph=True)[0][0, 0].numpy()
        for p in range(n)
    ]
    return np.array(columns)


@pytest.mark.parametrize(("factor", "n"), [(1.1, 2), (2.1, 4)])
def test_near_its_size_or_twice_that_pytorch_reads_in_two_ways(factor, n):
    """Its sequences follow the factor, its gradients and images the size; so do we."""
    settings = {"scale_factor": factor, "mode": "nearest"}
    forward, back = (weights_of_torch(2, n, b, **settings) for b in (False, True))
    assert (forward != back).any()
    unit = np.eye(2)[:, None]
    np.testing.assert_array_equal(
        functional.interpolate(unit, **settings)[:, 0].T, back, strict=True
    )


def test_the_bicubic_gradient_of_pytorch_copies_where_no_size_changes():
    """Its forward pass follows the factor; ours does, both ways."""
    x, g = np.random.default_rng(0).standard_normal((2, 1, 1, 4, 2))
    settings = {"scale_factor": (1.0, 1.3), "mode": "bicubic"}
    tensor = torch.from_numpy(x).requires_grad_()
    y = torch.nn.functional.interpolate(tensor, **settings)
    shipped = functional.interpolate(x, **settings)
    np.testing.assert_allclose(shipped, y.detach(), rtol=1e-12, strict=True)
    assert (abs(shipped - x) > 0.01).any()
    (copied,) = torch.autograd.grad(y, tensor, torch.from_numpy(g))
    np.testing.assert_array_equal(copied, g)
    # A linear map and its adjoint have one product.
    dx = functional.interpolate_backward(g, x, **settings)
    np.testing.assert_allclose((dx * x).sum(), (g * shipped).sum(), rtol=1e-12)
    assert abs((g * x).sum() - (g * shipped).sum()) > 0.01


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_one_pixel_wide_pytorch_repeats_the_first_row(mode):
    """Unless the channels lie innermost: then its result is ours."""
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 2))
    settings = {"size": (4, 1), "mode": mode, "antialias": True}
    y = functional.interpolate(x, **settings)
    rows = torch.nn.functional.interpolate(torch.from_numpy(x), **settings).numpy()
    assert (rows == rows[:, :, :1]).all()
    np.testing.assert_allclose(y[:, :, :1], rows[:, :, :1], rtol=1e-12)
    inner = torch.from_numpy(x).contiguous(memory_format=torch.channels_last)
    expected = torch.nn.functional.interpolate(inner, **settings).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["linear", "bilinear", "trilinear"])
def test_an_image_of_its_own_size_is_copied_whatever_the_factor(mode):
    axes = {v: k for k, v in LINEAR.items()}[mode]
    x = np.arange(2.0 * 3**axes).reshape(1, 2, *(3,) * axes)
    call = Call({"input": x}, {"scale_factor": 1.3, "mode": mode})
    sweep = torch_sweep("interpolate", [call])
    assert sweep.disagreement(functional.interpolate) is None
    np.testing.assert_array_equal(call.of(functional.interpolate), x)


def test_an_infinity_is_copied_too():
    """PyTorch adds 0 · ∞ to it."""
    x = np.array([[[1.0, np.inf, 2.0]]])
    y = functional.interpolate(x, 3, mode="linear")
    np.testing.assert_array_equal(y, x)
    expected = torch.nn.functional.interpolate(torch.from_numpy(x), 3, mode="linear")
    np.testing.assert_array_equal(expected, [[[1, np.nan, 2]]])


@pytest.mark.parametrize("mode", [*NEAREST, "area", "linear"])
def test_special_values_spread_as_in_pytorch(mode):
    x = np.array([[[1.0, np.nan, 2.0, 3.0, np.inf, 4.0]]])
    for size in (3, 5, 8, 12):
        call = Call({"input": x}, {"size": size, "mode": mode})
        with np.errstate(invalid="ignore"):  # 0 · ∞
            found = torch_sweep("interpolate", [call])
            assert found.disagreement(functional.interpolate) is None


@pytest.mark.parametrize("dtype", ["f2", "u1"])
def test_small_dtypes_are_kept(dtype):
    few = [
        with_arrays(call, lambda a: abs(a).astype(dtype))
        for call in few_calls("interpolate")
        if "antialias" not in call.settings
        and (dtype == "f2" or call.settings.get("mode", "nearest") in NEAREST)
    ]
    assert len(few) > 20
    sweep = torch_sweep("interpolate", few)
    tolerance = 4 * float(np.finfo("f2").eps) if dtype == "f2" else 0.0
    sweep = sweep._replace(tolerance=tolerance)
    assert sweep.disagreement(functional.interpolate) is None


@pytest.mark.parametrize("factor", [2, np.float32(1.5), np.int64(2), Fraction(3, 2)])
def test_a_factor_is_any_number(factor):
    x = np.arange(4.0).reshape(1, 1, 4)
    y = functional.interpolate(x, scale_factor=factor, mode="linear")
    expected = functional.interpolate(x, scale_factor=float(factor), mode="linear")
    np.testing.assert_array_equal(y, expected, strict=True)


def test_to_nothing_by_area():
    """The one mode in which PyTorch takes a size of 0."""
    x = np.ones((2, 3, 4))
    for settings in ({"size": 0}, {"scale_factor": 0.1}):
        y = functional.interpolate(x, mode="area", **settings)
        assert y.shape == (2, 3, 0)
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(x), mode="area", **settings
        )
        assert expected.shape == y.shape
        dx = functional.interpolate_backward(y, x, mode="area", **settings)
        np.testing.assert_array_equal(dx, np.zeros_like(x), strict=True)


# Common mistakes ----------------------------------------------------------------------


def exchange(**pieces):
    """Make a mutant by exchanging pieces of cnnref.resize."""

    def mutant(**arguments):
        with pytest.MonkeyPatch.context() as patch:
            for piece, wrong in pieces.items():
                patch.setattr(resize, piece, wrong)
            return functional.interpolate(**arguments)

    return mutant


def corners_exchanged(align_corners=None, **arguments):
    if "linear" in arguments.get("mode", "") or arguments.get("mode") == "bicubic":
        align_corners = not align_corners
    return functional.interpolate(align_corners=align_corners, **arguments)


def rounded(mode="nearest", **arguments):
    """Take the pixel whose centre is nearest, where the one below is meant."""
    mode = "nearest-exact" if mode == "nearest" else mode
    return functional.interpolate(mode=mode, **arguments)


def factor_recomputed(recompute_scale_factor=None, scale_factor=None, **arguments):
    return functional.interpolate(
        scale_factor=scale_factor,
        recompute_scale_factor=None if scale_factor is None else True,
        **arguments,
    )


def factor_never_recomputed(recompute_scale_factor=None, **arguments):
    return functional.interpolate(**arguments)


def without_antialiasing(antialias=False, **arguments):
    return functional.interpolate(**arguments)


def narrow(first, count, h, weigh):
    """Average only what lies below each position, and the one after it."""
    return shipped_mean(first, np.minimum(count, 2), h, weigh)


shipped_mean = resize._mean
MUTANTS = {
    "aligned corners exchanged": corners_exchanged,
    "nearest by rounding": rounded,
    "no shift by half a pixel": exchange(_over=lambda n, t: np.arange(n) * t),
    "the factor recomputed": factor_recomputed,
    "the factor not recomputed": factor_never_recomputed,
    "no antialiasing": without_antialiasing,
    "weights not divided by their sum": exchange(_mean=resize._weighted),
    "windows of two pixels": exchange(_mean=narrow),
    "the cubic with a = −½": exchange(_SHARP=Fraction(-1, 2)),
    "the ends of the image as zeros": exchange(
        _weighted=lambda first, count, h, weigh: zeros_beyond(first, count, h, weigh)
    ),
}


def zeros_beyond(first, count, h, weigh):
    """Let what lies beyond the border be 0, where it should be the border."""
    matrix = shipped_weighted(first, count, h, weigh)
    wide = shipped_weighted(first + h, count, 3 * h, weigh)
    inside = (wide.columns >= h) & (wide.columns < 2 * h)
    return Sparse(
        matrix.rows, matrix.columns, np.where(inside, matrix.weights, 0), matrix.shape
    )


shipped_weighted = resize._weighted


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mistake_is_noticed(mutant):
    assert noticed(torch_sweep("interpolate", calls("interpolate")), mutant)


@pytest.mark.parametrize("mode", [*NEAREST, "area", "linear", "bicubic"])
def test_a_gradient_that_is_only_resized_back_is_noticed(mode):
    """Resizing g to the old size is no adjoint."""

    def resized(grad_output, input, **settings):
        size = input.shape[2:]
        kept = {k: v for k, v in settings.items() if "scale" not in k and k != "size"}
        return functional.interpolate(grad_output, size=size, **kept)

    few = [
        call
        for call in calls("interpolate_backward")
        if mode in call.settings.get("mode", "nearest")
    ]
    assert noticed(torch_sweep("interpolate_backward", few), resized)
