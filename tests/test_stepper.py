"""The convolution stepper: its arithmetic is cnnref's, and its page says so."""

import re
from functools import cache
from itertools import product

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from elements import add_mutant, cell, fixtures, luminance, markup, positions, sum_text
from playwright.sync_api import Error

from cnnref.functional import conv1d_backward, conv2d, conv2d_backward
from cnnref.geometry import out_size

RANGES = {
    "size": range(1, 10),
    "kernel": range(1, 6),
    "stride": range(1, 5),
    "padding": range(4),
    "dilation": range(1, 4),
}
SETTINGS = [
    dict(zip(RANGES, values, strict=True)) for values in product(*RANGES.values())
]


def setting(size, kernel, stride=1, padding=0, dilation=1):
    return dict(zip(RANGES, (size, kernel, stride, padding, dilation), strict=True))


def element(settings):
    return markup("conv-stepper", settings)


DEFAULT = setting(7, 3, stride=2, padding=1)


open_page, blank = fixtures("stepper", "Stepper")


# Arithmetic ---------------------------------------------------------------------------


SIZES = {"x": 9, "w": 5, "g": 15}


@cache
def contents():
    """Draw one x, w and g; every setting takes the corners that it needs."""
    rng = np.random.default_rng(2)
    return {name: rng.integers(-9, 10, (n, n)) for name, n in SIZES.items()}


def corner(name, n):
    return contents()[name][:n, :n]


def geometry(settings):
    return {
        "stride": settings["stride"],
        "padding": settings["padding"],
        "dilation": settings["dilation"],
    }


def cnnref_result(settings):
    """Compute with cnnref what ConvStepper.compute returns."""
    size, kernel = settings["size"], settings["kernel"]
    try:
        out = out_size(size, kernel, **geometry(settings))
    except ValueError as error:
        return {
            "fits": False,
            "message": str(error).removeprefix("out_size: "),
            "out": 0,
            "y": [],
            "dx": np.zeros((size, size)).tolist(),
            "dw": np.zeros((kernel, kernel)).tolist(),
            "unread": list(range(size)),
        }
    x, w, g = corner("x", size)[None], corner("w", kernel)[None, None], corner("g", out)
    gradients = conv2d_backward(g[None], x, w, **geometry(settings))
    # The Jacobian of an all-ones kernel has no negative entry, so its column sums
    # vanish where the column does.
    column_sums = conv1d_backward(
        np.ones((1, out), int),
        np.ones((1, size), int),
        np.ones((1, 1, kernel), int),
        **geometry(settings),
    )
    return {
        "fits": True,
        "message": None,
        "out": out,
        "y": conv2d(x, w, **geometry(settings))[0].tolist(),
        "dx": gradients.input[0].tolist(),
        "dw": gradients.weight[0, 0].tolist(),
        "unread": np.flatnonzero(column_sums.input[0] == 0).tolist(),
    }


@cache
def cnnref_results():
    """Compute every setting once, for the stepper and its mutants."""
    return [cnnref_result(settings) for settings in SETTINGS]


def stepper_results(page, settings, script="ConvStepper"):
    return page.evaluate(
        """([all, {x, w, g}, script]) => all.map((settings) => {
            const corner = (a, n) => a.slice(0, n).map((row) => row.slice(0, n));
            const {out} = window[script].compute(settings);
            const {fits, message, y, dx, dw, unread} = window[script].compute({
                ...settings,
                x: corner(x, settings.size),
                w: corner(w, settings.kernel),
                g: corner(g, out),
            });
            return {fits, message, out, y, dx, dw, unread};
        })""",
        [
            settings,
            {name: array.tolist() for name, array in contents().items()},
            script,
        ],
    )


def disagreements(page, every=1, **options):
    """Name, for every setting on which they differ, the results that differ."""
    settings = SETTINGS[::every]
    found = stepper_results(page, settings, **options)
    triples = zip(settings, found, cnnref_results()[::every], strict=True)
    return [
        (settings, differ)
        for settings, ours, theirs in triples
        if (differ := [name for name in theirs if ours[name] != theirs[name]])
    ]


def test_arithmetic_is_cnnrefs_on_every_setting(blank):
    assert len(SETTINGS) == 2160
    assert disagreements(blank) == []


def test_settings_contain_the_witnesses():
    results = list(zip(SETTINGS, cnnref_results(), strict=True))
    fitting = [(s, r) for s, r in results if r["fits"]]
    assert len(fitting) < len(results)
    assert any(s["stride"] != s["dilation"] for s, _ in fitting)
    assert any(s["stride"] < s["kernel"] for s, r in fitting if r["out"] > 1)
    assert any(r["unread"] == list(range(s["size"])) for s, r in fitting)
    # A remainder leaves rows unread at the end, a gap leaves them unread within.
    assert any(r["unread"] == [s["size"] - 1] for s, r in fitting)
    assert any(0 < min(r["unread"], default=0) < s["size"] // 2 for s, r in fitting)


@pytest.mark.parametrize(
    ("right", "wrong", "differ"),
    [
        ("stride * p + dilation * i", "dilation * p + stride * i", {"y", "dx", "dw"}),
        ("* i - padding", "* i", {"y", "dx", "dw"}),
        ("Math.floor", "Math.ceil", {"out", "y"}),
        ("room < 0", "room <= 0", {"fits", "out", "message"}),
        ("dilation * (kernel - 1) + 1", "dilation * kernel", {"fits", "message"}),
        ("size + 2 * padding", "size + padding", {"fits", "out"}),
        ("x[r.h][c.h] * w[r.i][c.i]", "x[r.h][c.h] * w[c.i][r.i]", {"y"}),
        ("g[r.p][c.p] * w[r.i][c.i]", "g[r.p][c.p] * w.at(~r.i).at(~c.i)", {"dx"}),
        ("dw[r.i][c.i] += g[r.p]", "dw[r.i][c.i] += g[c.p]", {"dw"}),
        ("0 <= h", "0 < h", {"y", "dx", "dw", "unread"}),
        ("!seen.has(h)", "h > Math.max(-1, ...seen)", {"unread"}),
    ],
)
def test_a_wrong_line_is_found(blank, right, wrong, differ):
    script = add_mutant(blank, "stepper", [(right, wrong)])
    found = disagreements(blank, every=7, script=script)
    assert differ <= {name for _, names in found for name in names}


def images(square):
    """Give the seven other views of a square: turned, flipped, transposed."""
    turned = [np.rot90(square, n) for n in range(4)]
    return turned[1:] + [view.T for view in turned]


def test_shown_numbers_have_no_symmetry(open_page):
    result = open_page().evaluate(
        "ConvStepper.compute({size: 9, kernel: 1, stride: 1, padding: 3, dilation: 1})"
    )
    kernel = open_page().evaluate(
        "ConvStepper.compute({size: 9, kernel: 5, stride: 1, padding: 0, dilation: 1})"
    )["w"]
    for values in (result["x"], kernel, result["g"]):
        square = np.array(values)
        assert abs(square).max() < 10
        for n in range(2, len(square) + 1):
            view = square[:n, :n]
            assert not any(np.array_equal(view, image) for image in images(view))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stride: 0", "stride must be from 1 to 4, got 0"),
        ("padding: -1", "padding must be from 0 to 3, got -1"),
        ("kernel: 2.5", "kernel must be an integer, got 2.5"),
        ("size: undefined", "size must be an integer, got undefined"),
        ("w: [[1, 2]]", "w must be 3 × 3"),
    ],
)
def test_compute_rejects_a_wrong_call(blank, change, message):
    blank.evaluate(
        "settings = {size: 7, kernel: 3, stride: 1, padding: 0, dilation: 1}"
    )
    with pytest.raises(Error, match=re.escape(f"conv-stepper: {message}")):
        blank.evaluate(f"ConvStepper.compute({{...settings, {change}}})")


# The page -----------------------------------------------------------------------------


def test_an_output_cell_shows_its_sum(open_page):
    page = open_page(element(DEFAULT))
    cell(page, "y", 1, 2).hover()
    assert sum_text(page) == (
        "y[1,2] = Σ x[i + 1, j + 3]·w[i,j] "
        "= 5·1 + 1·3 + 6·(−2) + 1·(−3) + 7·(−1) + 4·1 + 4·0 + 2·2 + 2·(−3) = −12"
    )
    assert positions(page, "x", "used") == [
        list(p) for p in product((1, 2, 3), (3, 4, 5))
    ]
    assert positions(page, "y", "chosen") == [[1, 2]]


def test_an_input_cell_shows_its_gradient(open_page):
    page = open_page(element(DEFAULT))
    cell(page, "x", 1, 3).hover()
    assert sum_text(page) == (
        "∂L/∂x[1,3] = Σ g[p,q]·w[i,j] over 2p + i − 1 = 1 and 2q + j − 1 = 3 "
        "= (−1)·(−3) + 3·0 + 3·(−2) + 1·1 = −2"
    )
    assert positions(page, "y", "used") == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert positions(page, "w", "used") == [[0, 0], [0, 2], [2, 0], [2, 2]]
    heading = page.locator(".output .heading").text_content()
    assert heading == "upstream g 4 × 4"


def test_a_kernel_cell_shows_its_gradient(open_page):
    page = open_page(element(setting(4, 2, stride=2)))
    cell(page, "w", 1, 0).hover()
    assert sum_text(page) == (
        "∂L/∂w[1,0] = Σ g[p,q]·x[2p + 1, 2q] = 2·1 + (−1)·9 + (−2)·8 + 3·6 = −5"
    )
    assert positions(page, "x", "used") == [[1, 0], [1, 2], [3, 0], [3, 2]]


@pytest.mark.parametrize(
    "settings",
    [
        DEFAULT,
        setting(5, 3, padding=1),
        setting(6, 2, stride=3, padding=2, dilation=3),
        setting(9, 5, padding=2),
        setting(9, 1, padding=3),
        setting(8, 2, stride=4, dilation=2),
    ],
)
def test_every_sum_on_the_page_is_right(open_page, settings):
    """What is written out adds up to the total, and the total is cnnref's."""
    page = open_page(element(settings))
    shown = page.evaluate("(s) => ConvStepper.compute(s)", settings)
    x, w, g = (np.array(shown[name]) for name in "xwg")
    y = conv2d(x[None], w[None, None], **geometry(settings))[0]
    gradients = conv2d_backward(g[None], x[None], w[None, None], **geometry(settings))
    totals = {"y": y, "x": gradients.input[0], "w": gradients.weight[0, 0]}
    sums = page.evaluate(
        """() => [...document.querySelectorAll("[role=gridcell]")].map((node) => {
            node.dispatchEvent(new Event("pointermove", {bubbles: true}));
            const kind = node.closest("svg").dataset.grid;
            const text = document.querySelector(".sum").textContent;
            return [kind, node.cell.position, text];
        })"""
    )
    assert len(sums) == x.size + w.size + y.size
    for kind, position, text in sums:
        total = totals[kind][tuple(position)]
        text = " ".join(text.split()).replace("−", "-")
        if "no window reads" in text:
            assert total == 0
            continue
        *_, written, last = re.split(" = ", text.replace("·", "*"))
        assert int(re.match(r"-?\d+", last)[0]) == total
        assert eval(written) == total


def test_rows_never_read_are_marked(open_page):
    page = open_page(element(setting(8, 3, stride=3)))
    marked = [[a, b] for a, b in product(range(8), repeat=2) if max(a, b) > 5]
    assert positions(page, "x", "unread") == marked
    notes = page.locator(".notes").text_content()
    assert notes.endswith("Hatched: rows and columns 6 and 7, never read.")
    assert cell(page, "x", 0, 6).get_attribute("aria-label") == "x[0,6] = 1, never read"
    cell(page, "x", 0, 6).hover()
    assert sum_text(page) == "∂L/∂x[0,6] = 0: no window reads this input."


def test_windows_in_the_padding_alone_are_told(open_page):
    page = open_page(element(setting(1, 2, padding=1, dilation=2)))
    assert "no window reads the input, only its padding" in page.inner_text(".notes")


def test_settings_that_do_not_fit_say_so(open_page):
    page = open_page(element(setting(5, 4, dilation=1)))
    slider = page.get_by_label("dilation")
    slider.press("ArrowRight")
    message = "the kernel spans 7 but the padded input has only 5"
    assert sum_text(page) == f"No window fits: {message}."
    with pytest.raises(ValueError, match=message):
        out_size(5, 4, dilation=2)
    assert page.locator("svg[data-grid=y]").count() == 0
    cell(page, "x", 0, 0).hover()
    assert sum_text(page) == f"No window fits: {message}."
    slider.press("ArrowLeft")
    assert page.locator("svg[data-grid=y] [role=gridcell]").count() == 4
    assert sum_text(page).startswith("y[1,1] = ")


def test_the_formula_has_the_numbers(open_page):
    page = open_page(element(DEFAULT))
    page.get_by_label("padding").press("ArrowRight")
    assert page.locator(".formula").text_content().strip() == (
        "Hout = ⌊(H + 2P − d·(K − 1) − 1)/s⌋ + 1 "
        "= ⌊(7 + 2·2 − 1·(3 − 1) − 1)/2⌋ + 1 = ⌊8/2⌋ + 1 = 5"
    )


def test_keyboard(open_page):
    page = open_page(element(DEFAULT))

    def focused():
        return page.evaluate("document.activeElement.getAttribute('aria-label')")

    page.get_by_label("dilation").focus()
    stops = []
    for _ in range(3):
        page.keyboard.press("Tab")
        stops.append(focused()[:6])
    assert stops == ["x[0,0]", "w[0,0]", "y[1,1]"]
    for key, label in [
        ("ArrowRight", "y[1,2] = "),
        ("ArrowDown", "y[2,2] = "),
        ("ArrowUp", "y[1,2] = "),
        ("Home", "y[1,0] = "),
        ("End", "y[1,3] = "),
        ("ArrowRight", "y[1,3] = "),
        ("Control+Home", "y[0,0] = "),
        ("ArrowUp", "y[0,0] = "),
        ("Control+End", "y[3,3] = "),
        ("ArrowLeft", "y[3,2] = "),
    ]:
        page.keyboard.press(key)
        assert focused().startswith(label)
        assert sum_text(page).startswith(label)
    assert page.locator("svg[data-grid=y] [tabindex='0']").count() == 1
    page.keyboard.press("Shift+Tab")
    assert sum_text(page).startswith("∂L/∂w[0,0] = ")


def test_touch(open_page):
    page = open_page(element(DEFAULT), width=390, has_touch=True)
    cell(page, "x", 4, 4).tap()
    assert sum_text(page).startswith("∂L/∂x[4,4] = ")


@pytest.mark.parametrize("width", [390, 700])
@pytest.mark.parametrize(
    "settings", [DEFAULT, setting(9, 1, padding=3), setting(9, 5, padding=3)]
)
def test_a_phone_shows_it_whole(open_page, width, settings):
    page = open_page(element(settings), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert cell(page, "y", 0, 0).bounding_box()["width"] >= 20


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["y", "x"])
def test_numbers_stand_out(open_page, kind, theme):
    page = open_page(element(setting(6, 3, stride=2, padding=2)), theme=theme)
    cell(page, kind, 1, 1).hover()
    pairs = page.evaluate(
        """() => {
            const canvas = document.createElement("canvas").getContext(
                "2d", {willReadFrequently: true}
            );
            const paint = (...colours) => {
                for (const colour of colours) {
                    canvas.fillStyle = colour === "none" ? "transparent" : colour;
                    canvas.fillRect(0, 0, 1, 1);
                }
                return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
            };
            const page = getComputedStyle(document.body).backgroundColor;
            return [...document.querySelectorAll("conv-stepper svg text")]
                .filter((text) => text.textContent)
                .map((text) => {
                    const fill = (node) => getComputedStyle(node).fill;
                    const [box, mark] = text.parentNode.querySelectorAll("rect");
                    return [paint(fill(text)), paint(page, fill(box), fill(mark))];
                });
        }"""
    )
    assert len({str(pair) for pair in pairs}) >= 5
    for letter, ground in pairs:
        low, high = sorted((luminance(letter), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("settings", [DEFAULT, setting(5, 4, dilation=2)])
def test_nothing_bars_assistive_technology(open_page, settings):
    page = open_page(element(settings))
    results = Axe().run(page, options={"preload": False})  # it would fetch the CSS
    assert results.violations_count == 0, results.generate_report()


def test_two_steppers_do_not_disturb_each_other(open_page):
    page = open_page(element(DEFAULT) + element(setting(4, 2)))
    first, second = page.locator("conv-stepper").all()
    before = first.text_content()
    second.locator("svg[data-grid=x] [role=gridcell]").nth(5).hover()
    assert second.locator(".sum").text_content().startswith("∂L/∂x[1,1]")
    assert first.text_content() == before


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ('size="10"', "size must be from 1 to 9, got 10"),
        ('size="wide"', "size must be an integer, got NaN"),
        ('size="0"', "size must be from 1 to 9, got 0"),
        ("", "size must be an integer, got NaN"),
    ],
)
def test_a_wrong_attribute_is_an_error_and_leaves_the_words(
    open_page, attribute, message
):
    page = open_page(expect_error=True)
    errors = []
    page.on("pageerror", lambda error: errors.append(error.message))
    rest = 'kernel="3" stride="1" padding="0" dilation="1"'
    page.evaluate(
        "(markup) => document.querySelector('main').innerHTML = markup",
        f"<conv-stepper {attribute} {rest}>In words.</conv-stepper>",
    )
    assert errors == [f"conv-stepper: {message}"]
    assert page.locator("conv-stepper").text_content() == "In words."
