"""The switches of max pooling: their arithmetic is cnnref's, and their page says so."""

import re
from functools import cache
from itertools import product

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from elements import add_mutant, cell, fixtures, luminance, markup, positions, sum_text
from playwright.sync_api import Error

from cnnref.functional import max_pool2d, max_pool2d_backward

RANGES = {
    "size": range(1, 9),
    "kernel": range(1, 5),
    "stride": range(1, 5),
    "padding": range(3),
}
SETTINGS = [
    dict(zip(RANGES, values, strict=True)) for values in product(*RANGES.values())
]


def setting(size, kernel, stride=1, padding=0):
    return dict(zip(RANGES, (size, kernel, stride, padding), strict=True))


def element(settings):
    return markup("pool-switches", settings)


DEFAULT = setting(6, 3, stride=2, padding=1)


open_page, blank = fixtures("pool-switches", "Switches")


# Arithmetic ---------------------------------------------------------------------------


@cache
def contents():
    """Draw one x and g, with many ties; every setting takes the corners it needs."""
    rng = np.random.default_rng(3)
    return {"x": rng.integers(-4, 0, (8, 8)), "g": rng.integers(-9, 10, (12, 12))}


def pooled(x, g, settings):
    """Pool with cnnref, forward and backward; g is cut to the output's size."""
    rule = {name: settings[name] for name in ("stride", "padding")}
    call = (x[None].astype(float), settings["kernel"])
    y, at = max_pool2d(*call, **rule, return_indices=True)
    g = np.array(g)[: y.shape[1], : y.shape[2]]
    dx = max_pool2d_backward(g[None].astype(float), *call, **rule)
    return {
        "out": y.shape[1],
        "y": y[0].tolist(),
        "at": np.stack(np.divmod(at[0], len(x)), axis=-1).tolist(),
        "dx": dx[0].tolist(),
    }


def cnnref_result(settings):
    """Compute with cnnref what PoolSwitches.compute returns."""
    size = settings["size"]
    x = contents()["x"][:size, :size]
    try:
        found = pooled(x, contents()["g"], settings)
    except ValueError as error:
        message = str(error).partition("\n")[0].partition("along H, ")[2]
        nothing = {"out": 0, "y": [], "at": [], "dx": np.zeros_like(x).tolist()}
        return {"fits": False, "message": message, **nothing}
    return {"fits": True, "message": None, **found}


@cache
def cnnref_results():
    """Compute every setting once, for the script and its mutants."""
    return [cnnref_result(settings) for settings in SETTINGS]


def script_results(page, settings, script="PoolSwitches"):
    return page.evaluate(
        """([all, {x, g}, script]) => all.map((settings) => {
            const corner = (a, n) => a.slice(0, n).map((row) => row.slice(0, n));
            const {out: n} = window[script].compute(settings);
            const {fits, message, out, y, at, dx} = window[script].compute({
                ...settings,
                x: corner(x, settings.size),
                g: corner(g, n),
            });
            return {fits, message, out, y, at, dx};
        })""",
        [
            settings,
            {name: array.tolist() for name, array in contents().items()},
            script,
        ],
    )


def disagreements(page, **options):
    """Name, for every setting on which they differ, the results that differ."""
    found = script_results(page, SETTINGS, **options)
    triples = zip(SETTINGS, found, cnnref_results(), strict=True)
    return [
        (settings, differ)
        for settings, ours, theirs in triples
        if (differ := [name for name in theirs if ours[name] != theirs[name]])
    ]


def test_arithmetic_is_cnnrefs_on_every_setting(blank):
    assert len(SETTINGS) == 384
    assert disagreements(blank) == []


def test_settings_contain_the_witnesses():
    results = list(zip(SETTINGS, cnnref_results(), strict=True))
    fitting = [(s, r) for s, r in results if r["fits"]]
    messages = {re.sub(r"\d+", "#", r["message"]) for _, r in results if r["message"]}
    assert len(messages) == 2
    assert len(fitting) > 200
    shared = [r for _, r in fitting if len(set(places(r))) < len(places(r))]
    assert len(shared) > 50
    assert any(s["stride"] > s["kernel"] for s, r in fitting if r["out"] > 1)
    # Below 0 everywhere, a zero in the padding would be the maximum.
    assert contents()["x"].max() < 0
    assert any(s["padding"] for s, _ in fitting)


def places(result):
    return [tuple(place) for row in result["at"] for place in row]


@pytest.mark.parametrize(
    ("right", "wrong", "differ"),
    [
        ("stride * p + i - padding", "kernel * p + i - padding", {"y", "at", "dx"}),
        ("+ i - padding", "+ i", {"at"}),
        ("x[h][w] > x[best", "x[h][w] >= x[best", {"at", "dx"}),
        ("x[h][w] > x[best", "x[h][w] < x[best", {"y", "at", "dx"}),
        ("[1]] += g", "[1]] = g", {"dx"}),
        ("+= g[p][q]", "+= g[q][p]", {"dx"}),
        ("0 <= h && h", "0 < h && h", {"at"}),
        ("Math.floor(", "Math.ceil(", {"out"}),
        ("2 * padding > kernel", "padding > kernel", {"fits", "message"}),
        ("kernel > padded", "kernel >= padded", {"fits", "out", "message"}),
        ("columns.map((w) => [h, w])", "columns.map((w) => [w, h])", {"at", "y"}),
    ],
)
def test_a_wrong_line_is_found(blank, right, wrong, differ):
    # A mutant may leave a window without a position; reading it shall not stop it.
    guard = ("const [first, ", "const [first = [0, 0], ")
    script = add_mutant(blank, "pool-switches", [(right, wrong), guard])
    found = disagreements(blank, script=script)
    assert differ <= {name for _, names in found for name in names}


def images(square):
    """Give the seven other views of a square: turned, flipped, transposed."""
    turned = [np.rot90(square, n) for n in range(4)]
    return turned[1:] + [view.T for view in turned]


def test_shown_numbers_have_no_symmetry_but_ties(open_page):
    result = open_page().evaluate(
        "PoolSwitches.compute({size: 8, kernel: 4, stride: 1, padding: 2})"
    )
    x, g = np.array(result["x"]), np.array(result["g"])
    assert x.min() < 0
    assert 0 not in g
    for square in (x, g):
        assert abs(square).max() < 10
        for n in range(2, len(square) + 1):
            view = square[:n, :n]
            assert not any(np.array_equal(view, image) for image in images(view))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3)).reshape(-1, 9)
    tied = (windows == windows.max(1, keepdims=True)).sum(1) > 1
    assert 0.3 < tied.mean() < 0.7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stride: 0", "stride must be from 1 to 4, got 0"),
        ("padding: -1", "padding must be from 0 to 2, got -1"),
        ("kernel: 2.5", "kernel must be an integer, got 2.5"),
        ("size: undefined", "size must be an integer, got undefined"),
        ("x: [[1, 2]]", "x must be 6 × 6"),
        ("g: [[1, 2]]", "g must be 4 × 4"),
    ],
)
def test_compute_rejects_a_wrong_call(blank, change, message):
    blank.evaluate("settings = {size: 6, kernel: 3, stride: 1, padding: 0}")
    with pytest.raises(Error, match=re.escape(f"pool-switches: {message}")):
        blank.evaluate(f"PoolSwitches.compute({{...settings, {change}}})")


# The page -----------------------------------------------------------------------------


def test_an_output_cell_shows_its_window_and_its_switch(open_page):
    page = open_page(element(DEFAULT))
    cell(page, "y", 1, 2).hover()
    assert sum_text(page) == (
        "y[1,2] = max over i, j of x[i + 1, j + 3] "
        "= max(4, 2, -1, 6, 6, 5, 0, 0, 1) = 6, at x[2,3] "
        "x[2,4] is equal: the first, row by row, is the switch."
    ).replace("-", "−")
    assert positions(page, "x", "used") == [
        list(place) for place in product((1, 2, 3), (3, 4, 5))
    ]
    assert positions(page, "x", "won") == [[2, 3]]
    assert positions(page, "y", "chosen") == [[1, 2]]


def test_a_window_over_the_padding_reads_the_input_alone(open_page):
    page = open_page(element(DEFAULT))
    cell(page, "y", 0, 0).hover()
    assert sum_text(page).startswith(
        "y[0,0] = max over i, j of x[i − 1, j − 1] = max(3, 0, 1, −1) = 3, at x[0,0]"
    )
    assert len(positions(page, "x", "used")) == 9
    assert page.locator(".padding .value").first.text_content() == "−∞"


def test_an_input_cell_shows_what_it_collects(open_page):
    page = open_page(element(DEFAULT))
    cell(page, "x", 3, 3).hover()
    assert sum_text(page) == (
        "∂L/∂x[3,3] = 0: read by 4 windows, the switch of none. "
        "In the corners: what every switch collects."
    )
    assert len(positions(page, "y", "lost")) == 4
    assert positions(page, "y", "used") == []
    assert page.locator(".output .heading").text_content() == "upstream g 3 × 3"


def test_shared_switches_add(open_page):
    page = open_page(element(setting(4, 3)))
    result = page.evaluate("(s) => PoolSwitches.compute(s)", setting(4, 3))
    shared = [place for place in places(result) if places(result).count(place) > 1]
    cell(page, "x", *shared[0]).hover()
    h, w = shared[0]
    won = [k for k, place in enumerate(places(result)) if place == (h, w)]
    g = [result["g"][k // 2][k % 2] for k in won]
    entries = " + ".join(f"g[{k // 2},{k % 2}]" for k in won)
    terms = " + ".join(f"(−{-v})" if v < 0 else str(v) for v in g)
    total = str(result["dx"][h][w]).replace("-", "−")
    assert sum_text(page).startswith(f"∂L/∂x[{h},{w}] = {entries} = {terms} = {total},")


@pytest.mark.parametrize(
    "settings",
    [
        DEFAULT,
        setting(5, 2),
        setting(8, 4, padding=2),
        setting(7, 2, stride=3),
        setting(1, 1),
    ],
)
def test_every_sentence_on_the_page_is_right(open_page, settings):
    """Each maximum and each sum is cnnref's, and so is what is written out for it."""
    page = open_page(element(settings))
    shown = page.evaluate("(s) => PoolSwitches.compute(s)", settings)
    expected = pooled(np.array(shown["x"]), shown["g"], settings)
    said = page.evaluate(
        """() => [...document.querySelectorAll("[role=gridcell]")].map((node) => {
            node.dispatchEvent(new Event("pointermove", {bubbles: true}));
            const kind = node.closest("svg").dataset.grid;
            const text = [...document.querySelectorAll(".sum p:not(.tie)")];
            const words = text.map((line) => line.textContent).join(" ");
            return [kind, node.cell.position, words];
        })"""
    )
    assert len(said) == settings["size"] ** 2 + expected["out"] ** 2
    for kind, (a, b), text in said:
        text = " ".join(text.split()).replace("−", "-")
        value = (expected["y"] if kind == "y" else expected["dx"])[a][b]
        if "the switch of none" in text or "no window reads" in text:
            assert value == 0
            continue
        *_, written, last = re.split(" = ", text)
        # A single number is its own maximum, which Python's max does not take.
        read = written.replace("max(", "max(-9, ")
        assert eval(read, {"g": np.array(shown["g"])}) == value
        assert float(re.match(r"-?\d+", last)[0]) == value
        if kind == "y":
            h, w = expected["at"][a][b]
            assert last.endswith(f", at x[{h},{w}]")


def test_switches_are_ringed(open_page):
    page = open_page(element(DEFAULT))
    result = page.evaluate("(s) => PoolSwitches.compute(s)", DEFAULT)
    assert {tuple(p) for p in positions(page, "x", "switch")} == set(places(result))
    h, w = places(result)[0]
    label = cell(page, "x", h, w).get_attribute("aria-label")
    assert re.fullmatch(rf"x\[{h},{w}\] = \d, the switch of \d windows?", label)


@pytest.mark.parametrize(
    ("start", "slider", "message"),
    [
        (setting(5, 2, padding=1), "padding", "padding 2 is more than half the"),
        (setting(3, 3), "window", "the kernel spans 4 but the padded input has only 3"),
    ],
)
def test_settings_that_do_not_fit_say_so(open_page, start, slider, message):
    page = open_page(element(start))
    page.get_by_role("slider", name=slider).press("ArrowRight")
    assert sum_text(page).startswith(f"Nothing is pooled: {message}")
    assert page.locator("svg[data-grid=y]").count() == 0
    cell(page, "x", 0, 0).hover()
    assert sum_text(page).startswith(f"Nothing is pooled: {message}")
    page.get_by_role("slider", name=slider).press("ArrowLeft")
    assert sum_text(page).startswith("y[")


def test_the_formula_has_the_numbers(open_page):
    page = open_page(element(DEFAULT))
    page.get_by_label("stride").press("ArrowRight")
    assert page.locator(".formula").text_content().strip() == (
        "Hout = ⌊(H + 2P − K)/s⌋ + 1 = ⌊5/3⌋ + 1 = 2"
    )


def test_keyboard(open_page):
    page = open_page(element(DEFAULT))

    def focused():
        return page.evaluate("document.activeElement.getAttribute('aria-label')")

    page.get_by_label("padding").focus()
    stops = []
    for _ in range(2):
        page.keyboard.press("Tab")
        stops.append(focused()[:6])
    assert stops == ["x[0,0]", "y[1,1]"]
    for key, label in [
        ("ArrowRight", "y[1,2] = "),
        ("ArrowDown", "y[2,2] = "),
        ("ArrowUp", "y[1,2] = "),
        ("Home", "y[1,0] = "),
        ("End", "y[1,2] = "),
        ("ArrowRight", "y[1,2] = "),
        ("Control+Home", "y[0,0] = "),
        ("Control+End", "y[2,2] = "),
    ]:
        page.keyboard.press(key)
        assert focused().startswith(label)
        assert sum_text(page).startswith(label)
    assert page.locator("svg[data-grid=y] [tabindex='0']").count() == 1
    page.keyboard.press("Shift+Tab")
    assert sum_text(page).startswith("∂L/∂x[0,0] = ")


def test_touch(open_page):
    page = open_page(element(DEFAULT), width=390, has_touch=True)
    cell(page, "x", 4, 4).tap()
    assert sum_text(page).startswith("∂L/∂x[4,4] = ")


@pytest.mark.parametrize("width", [390, 700])
@pytest.mark.parametrize("settings", [DEFAULT, setting(8, 4, padding=2), setting(8, 1)])
def test_a_phone_shows_it_whole(open_page, width, settings):
    page = open_page(element(settings), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert cell(page, "y", 0, 0).bounding_box()["width"] >= 20


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["y", "x"])
def test_numbers_stand_out(open_page, kind, theme):
    page = open_page(element(DEFAULT), theme=theme)
    cell(page, kind, 0, 1).hover()
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
            return [...document.querySelectorAll("pool-switches svg text")]
                .filter((text) => text.textContent)
                .map((text) => {
                    const fill = (node) => getComputedStyle(node).fill;
                    const [box, mark] = text.parentNode.querySelectorAll("rect");
                    return [paint(fill(text)), paint(page, fill(box), fill(mark))];
                });
        }"""
    )
    assert len({str(pair) for pair in pairs}) >= 4
    for letter, ground in pairs:
        low, high = sorted((luminance(letter), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("settings", [DEFAULT, setting(3, 4)])
def test_nothing_bars_assistive_technology(open_page, settings):
    page = open_page(element(settings))
    results = Axe().run(page, options={"preload": False})  # it would fetch the CSS
    assert results.violations_count == 0, results.generate_report()


def test_two_figures_do_not_disturb_each_other(open_page):
    page = open_page(element(DEFAULT) + element(setting(4, 2)))
    first, second = page.locator("pool-switches").all()
    before = first.text_content()
    second.locator("svg[data-grid=x] [role=gridcell]").nth(5).hover()
    assert second.locator(".sum").text_content().startswith("∂L/∂x[1,1]")
    assert first.text_content() == before


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ('size="9"', "size must be from 1 to 8, got 9"),
        ('size="wide"', "size must be an integer, got NaN"),
        ("", "size must be an integer, got NaN"),
    ],
)
def test_a_wrong_attribute_is_an_error_and_leaves_the_words(
    open_page, attribute, message
):
    page = open_page(expect_error=True)
    errors = []
    page.on("pageerror", lambda error: errors.append(error.message))
    rest = 'kernel="3" stride="1" padding="0"'
    page.evaluate(
        "(markup) => document.querySelector('main').innerHTML = markup",
        f"<pool-switches {attribute} {rest}>In words.</pool-switches>",
    )
    assert errors == [f"pool-switches: {message}"]
    assert page.locator("pool-switches").text_content() == "In words."
