"""The descent viewer: its arithmetic is cnnref's, and its page says so."""

import json
import re
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from elements import add_mutant, fixtures, luminance, markup, slider
from playwright.sync_api import Error

from cnnref.optim import SGDState, sgd_step

STEPS = 50
RATES = (0.05, 0.5, 0.95, 1, 1.5, 2.6, 4)
MOMENTA = (0, 0.05, 0.5, 0.9, 0.95)
CURVATURES = ((0.2, 2), (1, 1), (2, 0.5), (0.1, 0.1), (1.5, 0.7), (0.1, 1.9))
STARTS = ((-4, 2), (4.5, -3.5))
NAMES = ("rate", "momentum", "lambda1", "lambda2", "x", "y")


def setting(rate, momentum=0, curvatures=(0.2, 2), start=(-4, 2)):
    return dict(zip(NAMES, (rate, momentum, *curvatures, *start), strict=True))


SETTINGS = [setting(*s) for s in product(RATES, MOMENTA, CURVATURES, STARTS)]
DEFAULT = setting(0.9)


def element(settings):
    return markup("descent-viewer", settings)


open_page, blank = fixtures("descent", "Descent")


def text(page, part):
    return " ".join(page.locator(part).first.text_content().split())


def directions(page):
    words = page.locator(".directions p").all_text_contents()
    return [" ".join(line.split()) for line in words]


# Arithmetic ---------------------------------------------------------------------------


def descend(theta, curvatures, **settings):
    """Give θ, g, v and L before each of cnnref's steps; leading axes are many runs."""
    theta, curvatures = np.array(theta, float), np.array(curvatures, float)
    v, state, path = np.zeros_like(theta), None, []
    for _ in range(STEPS + 1):
        g = curvatures * theta
        x, y = np.moveaxis(theta, -1, 0)
        lambda1, lambda2 = np.moveaxis(curvatures, -1, 0)
        loss = 0.5 * (lambda1 * x * x + lambda2 * y * y)
        path.append({"theta": theta, "g": g, "v": v, "loss": loss})
        theta, state = sgd_step(theta, g, state, **settings)
        v = g if state.momentum_buffer is None else state.momentum_buffer
    return path


@cache
def fraction(value):
    """Read a setting as it is written: 0.05 is a twentieth."""
    return Fraction(str(value))


@cache
def matrix(rate, momentum, curvature):
    """Take the step of cnnref, which is linear in (θ, v), as an exact matrix."""
    theta = np.array([Fraction(1), Fraction(0)])
    v = SGDState(np.array([Fraction(0), Fraction(1)]) if momentum else None)
    g = theta * curvature
    theta, state = sgd_step(theta, g, v, lr=rate, momentum=momentum)
    return theta, g if state.momentum_buffer is None else state.momentum_buffer


@cache
def direction(rate, momentum, curvature):
    """Read off the matrix what becomes of a direction."""
    exact = tuple(map(fraction, (rate, momentum, curvature)))
    (a, b), (c, d) = matrix(*exact)
    trace, determinant = a + d, a * d - b * c
    discriminant = trace**2 - 4 * determinant
    with localcontext(prec=40):

        def root(value):
            return (Decimal(value.numerator) / value.denominator).sqrt()

        if discriminant < 0:
            radius = root(determinant)
        else:
            size = Decimal(abs(trace).numerator) / abs(trace).denominator
            radius = (size + root(discriminant)) / 2
        state = {-1: "shrinks", 0: "keeps", 1: "grows"}[int(radius.compare(1))]
    way = "swings"
    if discriminant >= 0:
        way = {-1: "alternates", 0: "at once", 1: "straight"}[np.sign(float(trace))]
    product = float(exact[0] * exact[2])
    return {"product": product, "radius": float(radius), "state": state, "way": way}


def bound(momentum, curvatures):
    """Find the rate at which −1 becomes a root: the trace falls as the rate grows."""
    steepest, exact = max(map(fraction, curvatures)), fraction(momentum)

    def at_minus_one(rate):
        (a, b), (c, d) = matrix(Fraction(rate), exact, steepest)
        return 1 + a + d + a * d - b * c

    start, slope = at_minus_one(0), at_minus_one(1) - at_minus_one(0)
    assert at_minus_one(-start / slope) == 0
    return float(-start / slope)


@cache
def cnnref_results():
    """Compute every setting once, for the viewer and its mutants."""
    runs = list(product(CURVATURES, STARTS))
    curvatures, starts = (np.array(column, float) for column in zip(*runs, strict=True))
    results = []
    for rate, momentum in product(RATES, MOMENTA):
        path = descend(starts, curvatures, lr=rate, momentum=momentum)
        for n, (pair, _) in enumerate(runs):
            found = {
                name: [step[name][n].tolist() for step in path]
                for name in ("theta", "g", "v", "loss")
            }
            found["bound"] = bound(momentum, pair)
            for name, curvature in zip("xy", pair, strict=True):
                of = direction(rate, momentum, curvature)
                found |= {f"{name}.{part}": value for part, value in of.items()}
            results.append(found)
    return results


def viewer_results(page, settings, script="DescentViewer"):
    found = page.evaluate(
        """([all, script]) => JSON.stringify(all.map((settings) => {
            const {path, bound, x, y} = window[script].compute(settings);
            const found = {bound};
            for (const name of ["theta", "g", "v", "loss"])
                found[name] = path.map((step) => step[name]);
            for (const [name, of] of Object.entries({x, y}))
                for (const [part, value] of Object.entries(of))
                    found[`${name}.${part}`] = value;
            return found;
        }))""",
        [settings, script],
    )
    return json.loads(found, parse_int=float)  # a large float has no point


def same(name, ours, theirs):
    """The path is the same to the last bit; a root or a quotient is off by 2 ulp."""
    if not isinstance(ours, float | int) or isinstance(theirs, list):
        return ours == theirs
    return abs(ours - theirs) <= 2 * np.spacing(abs(theirs))


def disagreements(page, every=1, **options):
    """Name the results that differ, on one of the settings."""
    found = viewer_results(page, SETTINGS[::every], **options)
    pairs = zip(found, cnnref_results()[::every], strict=True)
    return {
        name
        for ours, theirs in pairs
        for name in theirs | ours
        if not same(name, ours.get(name), theirs.get(name))
    }


def test_arithmetic_is_cnnrefs_on_every_setting(blank):
    assert len(SETTINGS) == 420
    assert disagreements(blank) == set()


def test_settings_contain_the_witnesses():
    results = cnnref_results()
    states = [(r["x.state"], r["y.state"]) for r in results]
    assert set(product(("shrinks", "grows"), repeat=2)) <= set(states)
    ways = {r[f"{name}.way"] for r in results for name in "xy"}
    assert ways == {"swings", "alternates", "straight", "at once"}
    # On the bound itself, without momentum and with it.
    on = [
        s["momentum"]
        for s, r in zip(SETTINGS, results, strict=True)
        if "keeps" in r.values()
    ]
    assert min(on) == 0 < max(on)
    assert max(np.abs(r["theta"]).max() for r in results) > 1e30
    assert min(r["loss"][-1] for r in results) == 0


@pytest.mark.parametrize(
    ("right", "wrong", "differ"),
    [
        # The momentum is forgotten, damps the first step, or has the rate inside.
        ("momentum * entry + g[a]", "g[a]", {"theta", "v"}),
        ("momentum * entry + g[a]", "momentum * entry + (1 - momentum) * g[a]", {"v"}),
        ("momentum * entry + g[a]", "momentum * entry + rate * g[a]", {"theta", "v"}),
        # The other convention has the same path, but not the same velocity.
        (
            "momentum * entry + g[a]);\n      theta = theta.map((entry, a) => "
            "entry - rate * v[a]",
            "momentum * entry - rate * g[a]);\n      theta = theta.map((entry, a) => "
            "entry + v[a]",
            {"v"},
        ),
        ("entry - rate * v[a]", "entry + rate * v[a]", {"theta"}),
        ("entry - rate * v[a]", "entry - rate * g[a]", {"theta"}),
        ("entry - rate * v[a]", "entry - rate * (g[a] + momentum * v[a])", {"theta"}),
        ("let v = [0, 0]", "let v = [lambda1 * x, lambda2 * y]", {"theta", "v"}),
        # The gradient is the start's; the axes are exchanged.
        (
            "[lambda1 * theta[0], lambda2 * theta[1]]",
            "[lambda1 * x, lambda2 * y]",
            {"g"},
        ),
        ("[lambda1 * theta[0], lambda2 *", "[lambda2 * theta[0], lambda1 *", {"g"}),
        ("0.5 * (lambda1", "(lambda1", {"loss"}),
        # The bound is 1/λ, forgets the momentum, or is the flatter direction's.
        ("(2 * (1 + momentum)) /", "(1 + momentum) /", {"bound"}),
        ("(2 * (1 + momentum)) /", "2 /", {"bound"}),
        ("momentum)) / Math.max", "momentum)) / Math.min", {"bound"}),
        ("20 * (20 + M)", "10 * (20 + M)", {"x.state", "y.state"}),
        ("20 * (20 + M)", "400", {"x.state", "y.state"}),
        ("200 + 10 * M - E * l", "200 - E * l", {"x.radius", "y.way"}),
        ("Math.abs(T) + Math.sqrt(D)", "T + Math.sqrt(D)", {"x.radius"}),
        ("D < 0 ? Math.sqrt(M / 20)", "D < 0 ? M / 20", {"y.radius"}),
        ("direction(settings, lambda2)", "direction(settings, lambda1)", {"y.product"}),
    ],
)
def test_a_wrong_line_is_found(blank, right, wrong, differ):
    script = add_mutant(blank, "descent", [(right, wrong)])
    assert differ <= disagreements(blank, every=5, script=script)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rate: 0", "rate must be from 0.05 to 4, got 0"),
        ("rate: 0.07", "rate must be a multiple of 0.05, got 0.07"),
        ("momentum: 1", "momentum must be from 0 to 0.95, got 1"),
        ("lambda1: -1", "lambda1 must be from 0.1 to 2, got -1"),
        ("x: undefined", "x must be a multiple of 0.5, got undefined"),
    ],
)
def test_compute_rejects_a_wrong_call(blank, change, message):
    with pytest.raises(Error, match=re.escape(f"descent-viewer: {message}")):
        blank.evaluate(f"DescentViewer.compute({{...{json.dumps(DEFAULT)}, {change}}})")


# The page -----------------------------------------------------------------------------


def test_the_bound_and_the_directions_are_told(open_page):
    page = open_page(element(DEFAULT))

    def told():
        return [text(page, ".formula"), *directions(page)]

    assert told() == [
        "η = 0.9 < 2(1 + μ)/λmax = 2(1 + 0)/2 = 1 ✓ every path runs into the minimum",
        "x: ηλ1 = 0.18, |z| = 0.82 ✓ shrinks",
        "y: ηλ2 = 1.8, |z| = 0.8 ✓ shrinks, changing sides",
    ]
    rate = slider(page, "rate")
    rate.press("ArrowRight")
    rate.press("ArrowRight")
    assert told() == [
        "η = 1 = 2(1 + μ)/λmax = 2(1 + 0)/2 = 1 – y changes sides for ever, "
        "and never settles",
        "x: ηλ1 = 0.2, |z| = 0.8 ✓ shrinks",
        "y: ηλ2 = 2, |z| = 1 – keeps its size, changing sides",
    ]
    rate.press("ArrowRight")
    assert told()[0].endswith("= 1 ✗ y runs away, from every start but 0")
    assert told()[2] == "y: ηλ2 = 2.1, |z| = 1.1 ✗ grows, changing sides"
    assert page.locator("descent-viewer").get_attribute("data-state") == "grows"
    rate.press("End")
    assert slider(page, "momentum").press("End") is None
    slider(page, "λ1").press("End")
    assert told()[0] == (
        "η = 4 > 2(1 + μ)/λmax = 2(1 + 0.95)/2 = 1.95 "
        "✗ x and y run away, from every start but 0"
    )
    rate.press("Home")
    slider(page, "λ2").press("Home")
    assert told()[1:] == [
        "x: ηλ1 = 0.1, |z| = 0.9747 ✓ shrinks, swinging",
        "y: ηλ2 = 0.005, |z| = 0.9747 ✓ shrinks, swinging",
    ]


def test_an_end_after_one_step_is_told(open_page):
    page = open_page(element(setting(1, curvatures=(1, 0.7))))
    assert text(page, ".formula").startswith("η = 1 < 2(1 + μ)/λmax = 2(1 + 0)/1 = 2 ✓")
    assert directions(page)[0] == "x: ηλ1 = 1, |z| = 0 ✓ is 0 after one step"
    slider(page, "λ1").press("Home")
    assert "2(1 + 0)/0.7 ≈ 2.857" in text(page, ".formula")


def rounded(values):
    """Write numbers as the page does, with four digits, and a half away from 0."""
    four = Context(prec=4, rounding=ROUND_HALF_UP)

    def written(value):
        size = abs(value)
        if size == 0 or 0.001 <= size < 10000:
            return f"{float(four.create_decimal(value)):g}"
        digits, power = f"{four.create_decimal(value):e}".split("e")
        return f"{float(digits):g}·10{int(power)}"

    return [written(float(value)).replace("-", "−") for value in np.ravel(values)]


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (setting(0.4, 0.9), (0, 1, 9, 49)),
        (setting(4, 0.5, (2, 1.5), (4.5, -3.5)), (0, 2, 30)),
        (setting(0.5, curvatures=(2, 1.9)), (3, 40)),
    ],
)
def test_every_number_of_a_step_is_right(open_page, settings, steps):
    page = open_page(element(settings))
    rate, momentum, *curvatures, x, y = settings.values()
    path = descend([x, y], curvatures, lr=rate, momentum=momentum)
    for k in steps:
        page.evaluate(f"document.querySelector('descent-viewer').goTo({k})")
        head, g, v, theta = (
            " ".join(line.split())
            for line in page.locator(".sum p").all_text_contents()
        )
        now, following = path[k], path[k + 1]

        def pair(values):
            return f"({', '.join(rounded(values))})"

        def term(values):
            (value,) = rounded(values)
            return f"({value})" if value.startswith("−") else value

        assert head == (
            f"step {k}: θ = (x, y) = {pair(now['theta'])}, "
            f"L = ½(λ1x² + λ2y²) = {rounded(now['loss'])[0]}"
        )
        products = ", ".join(
            f"{c}·{term(t)}" for c, t in zip(curvatures, now["theta"], strict=True)
        )
        assert g == f"g = (λ1x, λ2y) = ({products}) = {pair(now['g'])}"
        assert v == (
            f"v ← μ·v + g = {momentum}·{pair(now['v'])} + {pair(now['g'])} "
            f"= {pair(following['v'])}"
        )
        assert theta == (
            f"θ ← θ − η·v = {pair(now['theta'])} − {rate}·{pair(following['v'])} "
            f"= {pair(following['theta'])}"
        )


@pytest.mark.parametrize("settings", [setting(0.4, 0.9), setting(1.1), setting(4)])
def test_the_pictures_show_the_path(open_page, settings):
    page = open_page(element(settings))
    page.evaluate("document.querySelector('descent-viewer').goTo(7)")
    rate, momentum, *curvatures, x, y = settings.values()
    path = descend([x, y], curvatures, lr=rate, momentum=momentum)
    shown = page.evaluate(
        """() => {
            const lines = (name) => Object.fromEntries(
                ["done", "ahead"].map((part) => [
                    part,
                    [...document.querySelector(`.${name} .path.${part}`).points]
                        .map(({x, y}) => [x, y]),
                ]));
            const parts = [...document.querySelectorAll(".part")]
                .map((part) => [...part.points].map(({x, y}) => [x, y]));
            return {plane: lines("plane"), chart: lines("chart"), parts};
        }"""
    )
    thetas = np.array([step["theta"] for step in path])
    near = (np.abs(thetas).max(-1) <= 1e4).cumprod().astype(bool)
    places = thetas[near] * (32, -32) + (160, 128)
    plane = shown["plane"]
    np.testing.assert_allclose(plane["done"], places[:8], rtol=1e-6)
    np.testing.assert_allclose(plane["ahead"], places[7:].tolist(), rtol=1e-6)
    half = path[7]["theta"] - rate * path[7]["g"]
    ends = np.array([[path[7]["theta"], half], [half, path[8]["theta"]]])
    if near[8]:
        np.testing.assert_allclose(
            shown["parts"], ends * (32, -32) + (160, 128), rtol=1e-6
        )
    else:
        assert shown["parts"] == []
    # Down the chart the logarithm falls evenly; across it the steps follow each other.
    chart = np.array(shown["chart"]["done"] + shown["chart"]["ahead"][1:])
    losses = [step["loss"] for step in path]
    np.testing.assert_allclose(
        np.diff(chart[:, 0]), np.ptp(chart[:, 0]) / STEPS, rtol=1e-4
    )
    fit = np.polyfit(np.log10(losses), chart[:, 1], 1)
    assert fit[0] < 0
    np.testing.assert_allclose(
        np.polyval(fit, np.log10(losses)), chart[:, 1], atol=0.01
    )


def test_level_lines_are_level(open_page):
    page = open_page(element(setting(0.9, curvatures=(0.3, 1.7))))
    radii = page.locator(".level").evaluate_all(
        "(all) => all.map((e) => [e.rx.baseVal.value, e.ry.baseVal.value])"
    )
    rx, ry = np.array(radii).T
    np.testing.assert_allclose(0.3 * rx**2, 1.7 * ry**2, rtol=1e-5)
    assert 0.3 * rx[-1] ** 2 >= 0.3 * 160**2 + 1.7 * 128**2


@pytest.mark.parametrize(
    "settings", [setting(4, 0.95, (2, 2)), setting(1, start=(0, 0))]
)
def test_extremes_are_drawn(open_page, settings):
    page = open_page(element(settings))
    for k in (0, 1, 25, STEPS):
        page.evaluate(f"document.querySelector('descent-viewer').goTo({k})")
        markup = page.locator("descent-viewer").inner_html()
        assert "NaN" not in markup
        assert "Infinity" not in markup
    assert page.locator(".sum p").count() == 1  # no step follows the last


def test_steps_by_button_and_key(open_page):
    page = open_page(element(DEFAULT))
    back, on = (page.get_by_role("button", name=name) for name in ("back", "next"))
    steps = slider(page, "step")

    def step():
        first = re.match(r"step (\d+):", text(page, ".sum p"))
        spoken = re.match(r"step (\d+) of 50: x = ", page.inner_text("[role=status]"))
        assert first[1] == spoken[1] == steps.input_value()
        return int(first[1])

    back.click()
    assert step() == 0
    on.click()
    on.press("Enter")
    on.press("Space")
    assert step() == 3
    page.keyboard.press("Shift+Tab")
    for key, expected in [
        ("ArrowRight", 4),
        ("ArrowLeft", 3),
        ("End", 50),
        ("Home", 0),
    ]:
        page.keyboard.press(key)
        assert step() == expected
    steps.press("End")
    on.click()
    assert step() == 50
    back.click()
    assert step() == 49
    # A setting that changes leaves the step where it is.
    slider(page, "momentum").press("ArrowRight")
    assert step() == 49


def at(page, part, across, down):
    """Find the window's point of a drawing's."""
    box = page.locator(f".{part} > svg").bounding_box()
    unit = box["width"] / 320
    return box["x"] + across * unit, box["y"] + down * unit


def start(page):
    return [slider(page, f"start {name}").input_value() for name in "xy"]


def test_the_pointer_moves_the_start_and_chooses_the_step(open_page):
    page = open_page(element(DEFAULT))
    page.mouse.move(*at(page, "plane", 160 - 4 * 32, 128 - 2 * 32))
    page.mouse.down()
    page.mouse.move(*at(page, "plane", 160 + 2.1 * 32, 128 + 1.4 * 32), steps=4)
    assert start(page) == ["2", "-1.5"]
    page.mouse.move(*at(page, "plane", 900, -900))
    page.mouse.up()
    assert start(page) == ["4.5", "3.5"]
    page.mouse.move(*at(page, "plane", 100, 100))
    assert start(page) == ["4.5", "3.5"]
    page.mouse.click(*at(page, "plane", 160 - 32, 128))
    assert start(page) == ["-1", "0"]
    assert text(page, ".sum p").startswith("step 0: θ = (x, y) = (−1, 0), L = ½")
    page.mouse.click(*at(page, "chart", 46 + 264 * 20 / 50, 100))
    assert slider(page, "step").input_value() == "20"


def test_touch(open_page):
    page = open_page(element(DEFAULT), width=390, has_touch=True)
    page.touchscreen.tap(*at(page, "plane", 160 + 64, 128))
    assert start(page) == ["2", "0"]
    page.touchscreen.tap(*at(page, "chart", 46 + 264 * 10 / 50, 100))
    assert slider(page, "step").input_value() == "10"
    touch = "(e) => getComputedStyle(e).touchAction"
    assert page.locator(".plane svg").evaluate(touch) == "auto"
    assert page.locator(".start").evaluate(touch) == "none"
    assert page.locator(".start .hit").bounding_box()["width"] >= 44


@pytest.mark.parametrize("width", [390, 700])
def test_a_phone_shows_it_whole(open_page, width):
    page = open_page(element(setting(4, 0.95, (1.7, 1.9), (-4.5, -3.5))), width=width)
    for k in (0, 20, STEPS):
        page.evaluate(f"document.querySelector('descent-viewer').goTo({k})")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    columns = {390: 2, 700: 3}[width]
    lefts = page.locator(".controls:not(.steps) label").evaluate_all(
        "(all) => all.map((label) => label.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == columns


def test_nothing_moves_by_itself(open_page):
    page = open_page(element(DEFAULT), reduced_motion="reduce")
    page.get_by_role("button", name="next").click()
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.locator("animate, animateTransform, animateMotion").count() == 0


def test_on_paper_the_settings_are_numbers(open_page):
    page = open_page(element(DEFAULT))
    page.emulate_media(media="print")
    assert page.locator("input:visible, button:visible").count() == 0
    shown = page.locator(".controls:not(.steps) label").all_inner_texts()
    assert [" ".join(words.split()) for words in shown] == [
        "learning rate η 0.9",
        "momentum μ 0",
        "curvature λ1 0.2",
        "curvature λ2 2",
        "start x −4",
        "start y 2",
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("rate", [0.9, 1.1])
def test_words_and_lines_stand_out(open_page, theme, rate):
    page = open_page(element(setting(rate)), theme=theme)
    page.evaluate("document.querySelector('descent-viewer').goTo(3)")
    colours = page.evaluate(
        """() => {
            const canvas = document.createElement("canvas").getContext(
                "2d", {willReadFrequently: true}
            );
            const read = (selector, property) => {
                const node = document.querySelector(selector);
                canvas.fillStyle = getComputedStyle(node)[property];
                canvas.fillRect(0, 0, 1, 1);
                return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
            };
            return {
                ground: read(".box", "fill"),
                words: [read(".chart text", "fill")],
                lines: [".path", ".part", ".ring", ".minimum"]
                    .map((name) => read(name, "stroke")).concat([read(".now", "fill")]),
            };
        }"""
    )

    def contrast(colour):
        pair = luminance(colour), luminance(colours["ground"])
        return (max(pair) + 0.05) / (min(pair) + 0.05)

    assert min(map(contrast, colours["words"])) >= 4.5
    assert min(map(contrast, colours["lines"])) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_bars_assistive_technology(open_page, theme):
    page = open_page(element(setting(1.1)), theme=theme)
    results = Axe().run(page, options={"preload": False})  # it would fetch the CSS
    assert results.violations_count == 0, results.generate_report()


def test_two_viewers_do_not_disturb_each_other(open_page):
    page = open_page(element(DEFAULT) + element(setting(0.5)))
    first, second = page.locator("descent-viewer").all()
    before = first.text_content()
    slider(second, "rate").press("ArrowRight")
    second.get_by_role("button", name="next").click()
    assert second.locator(".formula").text_content().startswith("η = 0.55 < ")
    assert first.text_content() == before


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ('rate="5"', "rate must be from 0.05 to 4, got 5"),
        ('rate="fast"', "rate must be a multiple of 0.05, got NaN"),
        ("", "rate must be a multiple of 0.05, got NaN"),
    ],
)
def test_a_wrong_attribute_is_an_error_and_leaves_the_words(
    open_page, attribute, message
):
    page = open_page(expect_error=True)
    errors = []
    page.on("pageerror", lambda error: errors.append(error.message))
    rest = 'momentum="0" lambda1="0.2" lambda2="2" x="-4" y="2"'
    page.evaluate(
        "(markup) => document.querySelector('main').innerHTML = markup",
        f"<descent-viewer {attribute} {rest}>In words.</descent-viewer>",
    )
    assert errors == [f"descent-viewer: {message}"]
    assert page.locator("descent-viewer").text_content() == "In words."
