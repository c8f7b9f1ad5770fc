/* <descent-viewer rate="0.9" momentum="0" lambda1="0.2" lambda2="2" x="-4" y="2">
 * Gradient descent with momentum on the bowl L = ½(λ₁x² + λ₂y²): its level lines and the
 * path from a start, the loss at each step, the bound on the learning rate, and a step
 * with its numbers.
 *
 * Letters as in the book: η learning rate, μ momentum, g gradient, v velocity; θ = (x, y)
 * the parameters, λ their curvatures, z a root of z² − (1 + μ − ηλ)z + μ.
 */
(() => {
  "use strict";

  const { Figure, checkSettings, html, mathematics, number, range, strong } =
    window.FigureParts;
  const { sumLine, svg, unbroken } = window.FigureParts;
  const TAG = "descent-viewer";

  // Arithmetic ------------------------------------------------------------------------

  const STEPS = 50;
  const RANGES = {
    rate: [0.05, 4, 20],
    momentum: [0, 0.95, 20],
    lambda1: [0.1, 2, 10],
    lambda2: [0.1, 2, 10],
    x: [-4.5, 4.5, 2],
    y: [-3.5, 3.5, 2],
  };

  /* θ, g, v and L before each step, as PyTorch takes it: v ← μ·v + g, θ ← θ − η·v. */
  function descend({ rate, momentum, lambda1, lambda2, x, y }) {
    const path = [];
    let theta = [x, y];
    let v = [0, 0];
    while (path.length <= STEPS) {
      const g = [lambda1 * theta[0], lambda2 * theta[1]];
      const loss =
        0.5 * (lambda1 * theta[0] * theta[0] + lambda2 * theta[1] * theta[1]);
      path.push({ theta, g, v, loss });
      v = v.map((entry, a) => momentum * entry + g[a]);
      theta = theta.map((entry, a) => entry - rate * v[a]);
    }
    return path;
  }

  /* What becomes of one direction: the size |z| of the larger root, the factor of a step
   * in the long run.  With η = E/20, μ = M/20 and λ = l/10 it is decided in integers: the
   * roots of z² − tz + μ have t = T/200 and t² − 4μ = D/40000. */
  function direction({ rate, momentum }, lambda) {
    const [E, M, l] = [20 * rate, 20 * momentum, 10 * lambda].map(Math.round);
    const T = 200 + 10 * M - E * l;
    const D = T * T - 8000 * M;
    const radius = D < 0 ? Math.sqrt(M / 20) : (Math.abs(T) + Math.sqrt(D)) / 400;
    const excess = Math.sign(E * l - 20 * (20 + M)); // of ηλ over 2(1 + μ)
    const state = ["shrinks", "keeps", "grows"][1 + excess];
    const way =
      D < 0 ? "swings" : T > 0 ? "straight" : T < 0 ? "alternates" : "at once";
    return { product: (E * l) / 200, radius, state, way };
  }

  /* Settings are rate, momentum, lambda1, lambda2, x and y. */
  function compute(settings) {
    checkSettings(TAG, settings, RANGES);
    const { momentum, lambda1, lambda2 } = settings;
    const bound = (2 * (1 + momentum)) / Math.max(lambda1, lambda2);
    const x = direction(settings, lambda1);
    const y = direction(settings, lambda2);
    return { path: descend(settings), bound, x, y };
  }

  /* What the worst direction does. */
  const overall = ({ x, y }) =>
    ["grows", "keeps", "shrinks"].find((state) => [x.state, y.state].includes(state));

  // Words -----------------------------------------------------------------------------

  const MARKS = { shrinks: "✓", keeps: "–", grows: "✗" };
  const WAYS = { swings: ", swinging", alternates: ", changing sides", straight: "" };

  /* Four digits, with a power of ten where that is shorter. */
  function short(value) {
    const size = Math.abs(value);
    if (size === 0 || (size >= 0.001 && size < 10000))
      return number(Number(value.toPrecision(4)));
    const [digits, power] = value.toExponential(3).split("e");
    return `${number(Number(digits))}·10^${number(Number(power))}`;
  }

  const pair = (entries) => `(${entries.map(short).join(", ")})`;
  const plain = (words) => words.replace("^", " to the power ");

  function verdict(result) {
    const state = overall(result);
    const those = ["x", "y"].filter((name) => result[name].state === state);
    const names = those.join(" and ");
    const s = those.length > 1 ? "" : "s";
    const words = {
      shrinks: "every path runs into the minimum",
      keeps: `${names} change${s} sides for ever, and never settle${s}`,
      grows: `${names} run${s} away, from every start but 0`,
    };
    return `${MARKS[state]}\u00a0${words[state]}`;
  }

  function fate({ state, way }) {
    if (way === "at once") return `${MARKS[state]}\u00a0is 0 after one step`;
    const words = state === "keeps" ? "keeps its size" : state;
    return `${MARKS[state]}\u00a0${words}${WAYS[way]}`;
  }

  // Drawing ---------------------------------------------------------------------------

  const UNIT = 32;
  const WIDTH = 10 * UNIT;
  const HEIGHT = 8 * UNIT;
  const FAR = 1e4; // where a path that runs away is cut
  const MARGIN = { left: 46, right: 10, top: 10, bottom: 30 };
  const WIDE = WIDTH - MARGIN.left - MARGIN.right;
  const HIGH = HEIGHT - MARGIN.top - MARGIN.bottom;
  const CORNER = { x: MARGIN.left, y: MARGIN.top };

  const place = ([x, y]) => [WIDTH / 2 + UNIT * x, HEIGHT / 2 - UNIT * y];
  const line = (name, points) =>
    svg("polyline", { class: name, points: points.map((p) => p.join()).join(" ") });
  const dot = (name, [cx, cy], r) => svg("circle", { class: name, cx, cy, r });
  const label = (x, y, ...words) => svg("text", { x, y }, ...words);

  /* Level lines, at equal distances along the steeper axis, as far as the corners. */
  function levels({ lambda1, lambda2 }) {
    const steepest = Math.max(lambda1, lambda2);
    const corner = Math.sqrt((25 * lambda1 + 16 * lambda2) / steepest);
    return range(Math.ceil(corner / 0.75), 1).map((j) =>
      svg("ellipse", {
        class: "level",
        cx: WIDTH / 2,
        cy: HEIGHT / 2,
        rx: 0.75 * j * UNIT * Math.sqrt(steepest / lambda1),
        ry: 0.75 * j * UNIT * Math.sqrt(steepest / lambda2),
      }),
    );
  }

  function drawPlane(settings, path, step) {
    const cut = path.findIndex(({ theta }) => theta.some((t) => Math.abs(t) > FAR));
    const places = path
      .slice(0, cut < 0 ? path.length : cut)
      .map((p) => place(p.theta));
    const now = path[step];
    const parts = [];
    if (step < STEPS && step < places.length) {
      const half = now.theta.map((t, a) => t - settings.rate * now.g[a]);
      const next = path[step + 1].theta;
      if (![...half, ...next].some((t) => Math.abs(t) > FAR))
        parts.push(
          line("part gradient", [place(now.theta), place(half)]),
          line("part velocity", [place(half), place(next)]),
        );
    }
    return [
      svg("rect", { class: "box", width: WIDTH, height: HEIGHT }),
      ...levels(settings),
      line("path ahead", places.slice(step)),
      line("path done", places.slice(0, step + 1)),
      ...parts,
      svg("path", {
        class: "minimum",
        d: `M${WIDTH / 2 - 6} ${HEIGHT / 2}h12m-6 -6v12`,
      }),
      ...places.map((p, k) => dot(`point ${k > step ? "ahead" : "done"}`, p, 2.6)),
      svg(
        "g",
        { class: "start" },
        dot("hit", places[0], 22),
        dot("ring", places[0], 8),
      ),
      ...(step < places.length ? [dot("now", places[step], 5)] : []),
    ];
  }

  /* The powers of ten between which L lies, wherever it is not 0. */
  function decades(path) {
    const logs = path.map(({ loss }) => Math.log10(loss)).filter(Number.isFinite);
    if (logs.length === 0) return [-1, 0];
    const low = Math.floor(Math.min(...logs));
    return [low, Math.max(Math.ceil(Math.max(...logs)), low + 1)];
  }

  /* A loss of 0 lies on the lower edge; what stays 0 is not drawn on. */
  function drawChart(path, step) {
    const [low, high] = decades(path);
    const right = WIDTH - MARGIN.right;
    const bottom = HEIGHT - MARGIN.bottom;
    const across = (k) => MARGIN.left + (WIDE * k) / STEPS;
    const up = (log) => bottom - (HIGH * (Math.max(log, low) - low)) / (high - low);
    const points = path.map(({ loss }, k) => [across(k), up(Math.log10(loss))]);
    const end = path.findIndex(({ loss }, k) => loss === 0 && path[k - 1]?.loss === 0);
    const drawn = points.slice(0, end < 0 ? points.length : end);
    const every = Math.ceil((high - low) / 6);
    const ticks = range(high - low + 1, low).filter((power) => power % every === 0);
    const powers = ticks.map((power) => {
      const small = svg("tspan", { class: "power", dy: -6 }, number(power));
      return label(MARGIN.left - 24, up(power) + 5, "10", small);
    });
    const counts = range(6).map((n) => label(across(10 * n), bottom + 20, `${10 * n}`));
    return [
      ...ticks.map((power) =>
        line("rule", [
          [MARGIN.left, up(power)],
          [right, up(power)],
        ]),
      ),
      svg("rect", { class: "frame", ...CORNER, width: WIDE, height: HIGH }),
      line("now-line", [
        [across(step), MARGIN.top],
        [across(step), bottom],
      ]),
      line("path ahead", drawn.slice(step)),
      line("path done", drawn.slice(0, step + 1)),
      ...powers,
      ...counts,
      dot("now", points[step], 5),
    ];
  }

  // The element -----------------------------------------------------------------------

  class DescentViewer extends Figure {
    static tag = TAG;
    static label = "Gradient descent on a bowl";
    static ranges = RANGES;
    static controls = {
      rate: "learning rate η",
      momentum: "momentum μ",
      lambda1: "curvature λ_1",
      lambda2: "curvature λ_2",
      x: "start x",
      y: "start y",
    };

    parts() {
      this.step = 0;
      this.bound = html("p", { class: "formula" });
      const drawing = () =>
        svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
      this.plane = drawing();
      this.plane.dataset.cut = ""; // level lines and paths leave it
      this.chart = drawing();
      this.directions = html("div", { class: "directions" });
      this.sum = html("div", { class: "sum" });
      this.status = html("p", {
        class: "spoken",
        role: "status",
        "aria-atomic": "true",
      });
      const events = [
        "pointerdown",
        "pointermove",
        "pointerup",
        "pointercancel",
        "click",
      ];
      for (const event of events) {
        this.plane.addEventListener(event, (e) => this.drag(e, this.plane));
        this.chart.addEventListener(event, (e) => this.drag(e, this.chart));
      }
      const frame = (name, title, body) => {
        const heading = html("p", { class: "heading" }, ...mathematics(title));
        return html("div", { class: name }, heading, body);
      };
      const notes = html("p", { class: "notes" });
      notes.append(
        "Drag the start, or move the sliders. Dashed: the next step, first the " +
          "gradient’s part, then the momentum’s. ",
        ...mathematics("|z|"),
        " is the factor of a step in the long run, the larger root of ",
        ...unbroken(["z² − (1 + μ − ηλ)z + μ."]),
        "Numbers have four digits.",
      );
      return [
        this.bound,
        this.directions,
        html(
          "div",
          { class: "figures" },
          frame("plane", "the path of (x, y)", this.plane),
          frame("chart", "the loss L at each step", this.chart),
        ),
        this.makeSteps(),
        this.sum,
        notes,
        this.status,
      ];
    }

    makeSteps() {
      const button = (words, by) => {
        const node = html("button", { type: "button" }, words);
        node.addEventListener("click", () => this.goTo(this.step + by));
        return node;
      };
      const input = html("input", { type: "range", name: "step", min: 0, max: STEPS });
      const shown = html("b", { "aria-hidden": "true" });
      input.addEventListener("input", () => this.goTo(input.valueAsNumber));
      this.steps = { input, shown };
      const words = html("span", {}, html("span", {}, "step"), shown);
      const slider = html("label", {}, words, input);
      const back = button("‹ back", -1);
      return html(
        "div",
        { class: "controls steps" },
        back,
        slider,
        button("next ›", 1),
      );
    }

    goTo(step) {
      this.step = Math.min(Math.max(step, 0), STEPS);
      this.drawStep();
    }

    /* Show everything that depends on the settings, then the chosen step. */
    draw() {
      this.result = compute(this.settings);
      this.dataset.state = overall(this.result);
      this.drawBound();
      const { x, y } = this.result;
      this.directions.replaceChildren(
        ...[
          ["x", "ηλ_1", x],
          ["y", "ηλ_2", y],
        ].map(([name, product, found]) => this.makeDirection(name, product, found)),
      );
      this.drawStep();
    }

    drawBound() {
      const { rate, momentum, lambda1, lambda2 } = this.settings;
      const { bound } = this.result;
      const { state } = this.dataset;
      const sign = { shrinks: "<", keeps: "=", grows: ">" }[state];
      const steepest = Math.max(lambda1, lambda2);
      const equal = Number(bound.toPrecision(4)) === bound ? "=" : "≈";
      this.bound.replaceChildren(
        ...unbroken([
          `η = ${number(rate)} ${sign} 2(1 + μ)/λ_max`,
          `= 2(1 + ${number(momentum)})/${number(steepest)}`,
          `${equal} ${short(bound)}`,
        ]),
        html(
          "span",
          { class: `verdict-words ${state}` },
          ...mathematics(verdict(this.result)),
        ),
      );
    }

    makeDirection(name, symbol, { product, radius, state, way }) {
      const words = `${name}: ${symbol} = ${short(product)}, |z| = ${short(radius)} `;
      const found = { class: `verdict-words ${state}` };
      return html(
        "p",
        {},
        ...mathematics(words),
        html("span", found, fate({ state, way })),
      );
    }

    drawStep() {
      const { settings, step } = this;
      const { path } = this.result;
      const { theta, loss } = path[step];
      const { input, shown } = this.steps;
      input.value = step;
      shown.textContent = `${step} of ${STEPS}`;
      this.plane.replaceChildren(...drawPlane(settings, path, step));
      this.chart.replaceChildren(...drawChart(path, step));
      const start = pair(path[0].theta);
      const [first, last] = [path[0].loss, path[STEPS].loss].map((l) =>
        plain(short(l)),
      );
      this.plane.setAttribute(
        "aria-label",
        `Level lines of the loss, and the path from ${start}`,
      );
      this.chart.setAttribute(
        "aria-label",
        `The loss from step 0, ${first}, to step ${STEPS}, ${last}`,
      );
      this.writeSum();
      const where = `step ${step} of ${STEPS}: x = ${short(theta[0])}, y = ${short(theta[1])}`;
      const spoken = `${where}, L = ${short(loss)}. ${verdict(this.result)}.`;
      this.status.textContent = plain(spoken);
    }

    writeSum() {
      const { path } = this.result;
      const { rate, momentum, lambda1, lambda2 } = this.settings;
      const { theta, g, v, loss } = path[this.step];
      const sum = (...parts) => unbroken(parts);
      const head = html(
        "p",
        {},
        strong(`step ${this.step}:`),
        " ",
        ...sum(`θ = (x, y) = ${pair(theta)},`, `L = ½(λ_1x² + λ_2y²) = ${short(loss)}`),
      );
      this.sum.replaceChildren(head);
      if (this.step === STEPS) return;
      const next = path[this.step + 1];
      const [x, y] = theta.map((t) => (t < 0 ? `(${short(t)})` : short(t)));
      this.sum.append(
        sumLine(
          "g",
          ...sum(
            "= (λ_1x, λ_2y)",
            `= (${lambda1}·${x}, ${lambda2}·${y})`,
            `= ${pair(g)}`,
          ),
        ),
        sumLine(
          "v",
          ...sum(
            "← μ·v + g",
            `= ${number(momentum)}·${pair(v)}`,
            `+ ${pair(g)}`,
            `= ${pair(next.v)}`,
          ),
        ),
        sumLine(
          "θ",
          ...sum(
            "← θ − η·v",
            `= ${pair(theta)}`,
            `− ${number(rate)}·${pair(next.v)}`,
            `= ${pair(next.theta)}`,
          ),
        ),
      );
    }

    /* In the plane the pointer moves the start, in the chart it chooses the step.  A
     * finger that is to drag must be on the start: elsewhere it scrolls the page. */
    drag(event, drawing) {
      const held = event.pointerType !== "touch" || event.target.closest(".start");
      if (event.type === "pointerdown" && held && event.button === 0) {
        drawing.setPointerCapture(event.pointerId);
        this.held = drawing;
      } else if (event.type === "pointerup" || event.type === "pointercancel")
        this.held = null;
      const moves = this.held === drawing && event.type !== "pointerup";
      if (!moves && event.type !== "click") return;
      const { left, top, width } = drawing.getBoundingClientRect();
      const [across, down] = [event.clientX - left, event.clientY - top].map(
        (distance) => (distance * WIDTH) / width,
      );
      if (drawing === this.chart)
        this.goTo(Math.round((STEPS * (across - MARGIN.left)) / WIDE));
      else this.moveStart((across - WIDTH / 2) / UNIT, (HEIGHT / 2 - down) / UNIT);
    }

    moveStart(x, y) {
      const nearest = (name, value) => {
        const [least, most, parts] = RANGES[name];
        return Math.min(Math.max(Math.round(value * parts) / parts, least), most);
      };
      this.set({ x: nearest("x", x), y: nearest("y", y) });
    }
  }

  window.DescentViewer = { RANGES, STEPS, compute };
  customElements.define(TAG, DescentViewer);
})();
