"""The shift viewer: its arithmetic is cnnref's, and its page says so."""

import re
from functools import cache
from itertools import product

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from elements import add_mutant, fixtures, luminance, markup, slider
from playwright.sync_api import Error

from cnnref.functional import conv1d, max_pool1d, pad

SIZE = 12
RANGES = {
    "shift": range(SIZE + 1),
    "kernel": range(1, 6),
    "stride": range(1, 4),
    "pool": range(1, 3),
    "border": ("circle", "zeros"),
}
SETTINGS = [
    dict(zip(RANGES, values, strict=True)) for values in product(*RANGES.values())
]


def setting(shift, kernel=3, stride=1, pool=1, border="circle"):
    values = shift, kernel, stride, pool, border
    return dict(zip(RANGES, values, strict=True))


def element(settings):
    return markup("shift-viewer", settings)


open_page, blank = fixtures("shifts", "Shifts")


def words(page, lane):
    """What the heading of a lane says of it."""
    return page.locator(f".{lane} .verdict-words").text_content()


def numbers(page, lane, kind=":not(.ghost)"):
    texts = page.locator(f".{lane} .cell{kind} text").all_text_contents()
    return [int(text.replace("−", "-")) for text in texts]


# Arithmetic ---------------------------------------------------------------------------


@cache
def contents():
    rng = np.random.default_rng(3)
    return {"x": rng.integers(-9, 10, SIZE), "w": rng.integers(-4, 5, 5)}


def layers(x, w, stride, pool, border):
    """Compute with cnnref what follows from one image."""
    before = (len(w) - 1) // 2
    ends = (before, len(w) - 1 - before)
    mode = "circular" if border == "circle" else "constant"
    padded = pad(x[None], ends, mode=mode)
    y = conv1d(padded, w[None, None], stride=stride)
    z = max_pool1d(y, pool)
    return {"x": x, "y": y[0], "z": z[0], "largest": z.max()}


def cnnref_result(settings):
    """Compute with cnnref what ShiftViewer.compute returns."""
    shift, kernel, *rest = settings.values()
    x, w = contents()["x"], contents()["w"][:kernel]
    before, now = (layers(image, w, *rest) for image in (x, np.roll(x, shift)))
    found = {
        "largest": {k: v["largest"] for k, v in (("now", now), ("before", before))}
    }
    found["largest"] = {name: int(value) for name, value in found["largest"].items()}
    for name in "xyz":
        step = SIZE // len(now[name])
        lane = {"now": now[name].tolist(), "before": before[name].tolist()}
        lane |= {"step": step, "carried": None, "differs": None}
        if shift % step == 0:
            carried = np.roll(before[name], shift // step)
            lane["carried"] = carried.tolist()
            lane["differs"] = np.flatnonzero(carried != now[name]).tolist()
        found[name] = lane
    return found


@cache
def cnnref_results():
    """Compute every setting once, for the viewer and its mutants."""
    return [cnnref_result(settings) for settings in SETTINGS]


def viewer_results(page, settings, script="ShiftViewer"):
    return page.evaluate(
        """([all, {x, w}, script]) => all.map((settings) => {
            const taps = w.slice(0, settings.kernel);
            const contents = {x, w: taps};
            const {w: used, ...found} =
                window[script].compute({...settings, ...contents});
            return found;
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
    found = viewer_results(page, settings, **options)
    triples = zip(settings, found, cnnref_results()[::every], strict=True)
    return [
        (settings, differ)
        for settings, ours, theirs in triples
        if (
            differ := {
                f"{name}.{part}"
                for name in theirs
                for part in theirs[name]
                if ours[name][part] != theirs[name][part]
            }
        )
    ]


def test_arithmetic_is_cnnrefs_on_every_setting(blank):
    assert len(SETTINGS) == 780
    assert disagreements(blank) == []


def test_settings_contain_the_witnesses():
    results = list(zip(SETTINGS, cnnref_results(), strict=True))
    circles = [r for s, r in results if s["border"] == "circle"]
    assert all(lane[n]["differs"] in (None, []) for lane in circles for n in "xyz")
    assert any(r["y"]["carried"] is None for r in circles)
    assert any(r["y"]["differs"] == [] and r["z"]["carried"] is None for r in circles)
    assert any(r["largest"]["now"] != r["largest"]["before"] for r in circles)
    zeros = [r for s, r in results if s["border"] == "zeros"]
    assert any(r["y"]["differs"] and not r["z"]["differs"] for r in zeros)
    assert any(0 < len(r["y"]["differs"] or []) < 5 for r in zeros)


@pytest.mark.parametrize(
    ("right", "wrong", "differ"),
    [
        ("((a % n) + n) % n", "a % n", {"x.now", "y.now"}),
        ("row[modulo(h - t, row.length)]", "row[modulo(h + t, row.length)]", {"x.now"}),
        ("(w.length - 1) / 2", "w.length / 2", {"y.now", "y.before"}),
        ("stride * p + i - before", "stride * p - i + before", {"y.now"}),
        ("stride * p + i - before", "p + i - before", {"y.now", "z.now"}),
        ('border === "circle"', 'border !== "zero"', {"y.now", "y.differs"}),
        ("0 <= h && h < x.length", "0 < h && h < x.length", {"y.now"}),
        ("Math.max(...window(q))", "window(q)[0]", {"z.now", "largest.now"}),
        ("pool * q, pool * q + pool", "q, q + pool", {"z.now"}),
        ("shift % step === 0", "true", {"y.carried", "z.differs"}),
        ("roll(before, shift / step)", "roll(before, shift)", {"y.carried"}),
        ("now[p] !== carried[p]", "now[p] !== before[p]", {"y.differs"}),
        ("run(roll(x, shift))", "run(x)", {"x.now", "y.now", "largest.now"}),
    ],
)
def test_a_wrong_line_is_found(blank, right, wrong, differ):
    script = add_mutant(blank, "shifts", [(right, wrong)])
    found = disagreements(blank, every=3, script=script)
    assert differ <= set().union(*(names for _, names in found))


@pytest.mark.parametrize("length", range(1, SIZE))
def test_no_shift_of_the_image_looks_like_none(open_page, length):
    image = open_page().evaluate(
        "ShiftViewer.compute({shift: 0, kernel: 1, stride: 1, pool: 1, "
        "border: 'circle'}).x.now"
    )
    assert np.roll(image, length).tolist() != image


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stride: 0", "stride must be from 1 to 3, got 0"),
        ("shift: 13", "shift must be from 0 to 12, got 13"),
        ("kernel: 2.5", "kernel must be an integer, got 2.5"),
        ("pool: undefined", "pool must be an integer, got undefined"),
        ("border: 'mirror'", "border must be circle or zeros, got mirror"),
        ("x: [1, 2]", "x must have 12 entries"),
        ("w: [1, 2]", "w must have 3 entries"),
    ],
)
def test_compute_rejects_a_wrong_call(blank, change, message):
    blank.evaluate(
        "settings = {shift: 1, kernel: 3, stride: 1, pool: 1, border: 'circle'}"
    )
    with pytest.raises(Error, match=re.escape(f"shift-viewer: {message}")):
        blank.evaluate(f"ShiftViewer.compute({{...settings, {change}}})")


# The page -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "convolution", "pooling", "largest"),
    [
        (setting(3), "✓ moves along, by 3", "✓ moves along, by 3", "✓ stays 16"),
        (
            setting(2, stride=2, pool=2),
            "✓ moves along, by 1",
            "– no whole step: 2 is no multiple of 4",
            "✓ stays 16",
        ),
        (
            setting(1, stride=2),
            "– no whole step: 1 is no multiple of 2",
            "– no whole step: 1 is no multiple of 2",
            "✗ changes from 16 to 13",
        ),
        (
            setting(6, kernel=5, border="zeros"),
            "✗ differs at 8 of 12 positions",
            "✗ differs at 8 of 12 positions",
            "✗ changes from 11 to 16",
        ),
    ],
)
def test_the_headings_say_what_happens(
    open_page, settings, convolution, pooling, largest
):
    page = open_page(element(settings))
    assert words(page, "image") == f"moved by {settings['shift']}"
    assert words(page, "convolution") == convolution
    assert words(page, "pooling") == pooling
    assert words(page, "largest") == largest
    spoken = page.get_by_role("status").text_content()
    assert convolution in spoken
    assert largest in spoken


@pytest.mark.parametrize(
    "settings",
    [
        setting(0),
        setting(5, kernel=4, stride=3, pool=2),
        setting(7, kernel=5, stride=2, border="zeros"),
        setting(12, kernel=2, pool=2, border="zeros"),
    ],
)
def test_every_number_on_the_page_is_right(open_page, settings):
    page = open_page(element(settings))
    shown = page.evaluate("(s) => ShiftViewer.compute(s)", settings)
    shift, kernel, *rest = settings.values()
    x, w = np.array(shown["x"]["before"]), np.array(shown["w"])
    assert len(w) == kernel
    before, now = (layers(image, w, *rest) for image in (x, np.roll(x, shift)))
    assert numbers(page, "image") == now["x"].tolist()
    for lane, name in (("convolution", "y"), ("pooling", "z")):
        assert numbers(page, lane) == now[name].tolist()
        ghosts = numbers(page, lane, ".ghost")
        assert set(ghosts) == set(before[name].tolist())
        step = SIZE // len(now[name])
        assert len(ghosts) == len(now[name]) + (shift % step > 0)
        framed = page.locator(f".{lane} .differs.cell").count()
        assert framed == len(shown[name]["differs"] or [])
    assert numbers(page, "largest") == [now["largest"]]


def test_what_is_carried_stands_under_what_it_equals(open_page):
    page = open_page(element(setting(6, stride=3)))

    def places(kind):
        return {
            (round(float(box.get_attribute("x"))), box.locator("..").text_content())
            for box in page.locator(f".convolution .cell{kind} .box").all()
        }

    assert places(":not(.ghost)") == places(".ghost")


def test_sliders_and_keyboard(open_page):
    page = open_page(element(setting(2, stride=2)))
    slider(page, "shift").focus()
    page.keyboard.press("ArrowRight")
    assert words(page, "image") == "moved by 3"
    assert words(page, "convolution") == "– no whole step: 3 is no multiple of 2"
    page.keyboard.press("End")
    assert words(page, "image") == "moved by 12"
    slider(page, "stride").press("ArrowLeft")
    assert words(page, "convolution") == "✓ moves along, by 12"
    slider(page, "shift").press("Home")
    slider(page, "shift").press("ArrowRight")
    page.get_by_role("combobox").select_option("zeros")
    assert words(page, "convolution").startswith("✗ differs at ")


def drag(page, columns):
    box = page.locator(".image svg").bounding_box()
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + columns * box["width"] / SIZE, y, steps=4)
    page.mouse.up()


def test_dragging_the_image(open_page):
    page = open_page(element(setting(2)))
    drag(page, 3)
    assert words(page, "image") == "moved by 5"
    assert slider(page, "shift").input_value() == "5"
    drag(page, -6)
    assert words(page, "image") == "moved by 11"
    page.mouse.move(0, 0)
    assert words(page, "image") == "moved by 11"


@pytest.mark.parametrize("width", [390, 700])
def test_a_phone_shows_it_whole(open_page, width):
    page = open_page(element(setting(5, kernel=5, border="zeros")), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".image .cell").first.bounding_box()["width"] >= 24


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_stand_out(open_page, theme):
    page = open_page(element(setting(6, kernel=5, border="zeros")), theme=theme)
    pairs = page.evaluate(
        """() => {
            const canvas = document.createElement("canvas").getContext(
                "2d", {willReadFrequently: true}
            );
            const paint = (...colours) => {
                for (const [colour, alpha] of colours) {
                    canvas.globalAlpha = alpha;
                    canvas.fillStyle = colour === "none" ? "transparent" : colour;
                    canvas.fillRect(0, 0, 1, 1);
                }
                return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
            };
            const page = [getComputedStyle(document.body).backgroundColor, 1];
            const fill = (node) => {
                const {fill, fillOpacity} = getComputedStyle(node);
                return [fill, Number(fillOpacity)];
            };
            const texts = document.querySelectorAll("shift-viewer svg text");
            return [...texts].map((text) => {
                const [box, shade] = text.parentNode.querySelectorAll("rect");
                return [paint(fill(text)), paint(page, fill(box), fill(shade))];
            });
        }"""
    )
    assert len({str(pair) for pair in pairs}) >= 5
    for letter, ground in pairs:
        low, high = sorted((luminance(letter), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("border", ["circle", "zeros"])
def test_nothing_bars_assistive_technology(open_page, border, theme):
    page = open_page(element(setting(3, stride=2, border=border)), theme=theme)
    results = Axe().run(page, options={"preload": False})  # it would fetch the CSS
    assert results.violations_count == 0, results.generate_report()


def test_two_viewers_do_not_disturb_each_other(open_page):
    page = open_page(element(setting(2)) + element(setting(4)))
    first, second = page.locator("shift-viewer").all()
    before = first.text_content()
    slider(second, "shift").press("ArrowRight")
    assert second.locator(".image .verdict-words").text_content() == "moved by 5"
    assert first.text_content() == before


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ('shift="13"', "shift must be from 0 to 12, got 13"),
        ('shift="far"', "shift must be an integer, got NaN"),
        ("", "shift must be an integer, got NaN"),
    ],
)
def test_a_wrong_attribute_is_an_error_and_leaves_the_words(
    open_page, attribute, message
):
    page = open_page(expect_error=True)
    errors = []
    page.on("pageerror", lambda error: errors.append(error.message))
    rest = 'kernel="3" stride="1" pool="1" border="circle"'
    page.evaluate(
        "(markup) => document.querySelector('main').innerHTML = markup",
        f"<shift-viewer {attribute} {rest}>In words.</shift-viewer>",
    )
    assert errors == [f"shift-viewer: {message}"]
    assert page.locator("shift-viewer").text_content() == "In words."
