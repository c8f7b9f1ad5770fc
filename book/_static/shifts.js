/* <shift-viewer shift="2" kernel="3" stride="2" pool="2" border="circle">
 * A row of twelve numbers is shifted around a circle.  Below it stands what a convolution
 * and a pooling make of it, and under each result the one from before, carried along
 * with the image: where the two agree, the layer is equivariant.
 *
 * Letters as in the book: x input, w kernel, y output, z pooled output; h p q positions,
 * i kernel position, t shift, s stride, K kernel size, k pool size, P padding.
 */
(() => {
  "use strict";

  const { Figure, checkSettings, html, mathematics, number, range, svg } =
    window.FigureParts;
  const TAG = "shift-viewer";

  // Arithmetic ------------------------------------------------------------------------

  const SIZE = 12; // stride times pool divides it, so that every layer fills the circle
  const RANGES = { shift: [0, SIZE], kernel: [1, 5], stride: [1, 3], pool: [1, 2] };
  const BORDERS = { circle: "the other end", zeros: "zeros" };

  /* An image with two peaks; no shift of it but the whole circle leaves it as it is. */
  const IMAGE = [2, 1, 5, 9, 4, 2, 3, 1, 3, 7, 6, 1];
  const KERNEL = [2, -1, 1, -2, 1];

  const modulo = (a, n) => ((a % n) + n) % n;
  const roll = (row, t) => row.map((_, h) => row[modulo(h - t, row.length)]);

  /* y[p] = Σ_i w[i]·x[s·p + i − P], where the border says what x is outside. */
  function convolve(x, w, { stride, border }) {
    const before = Math.floor((w.length - 1) / 2);
    const read = (h) =>
      border === "circle" ? x[modulo(h, x.length)] : 0 <= h && h < x.length ? x[h] : 0;
    return range(x.length / stride).map((p) =>
      w.reduce((sum, tap, i) => sum + tap * read(stride * p + i - before), 0),
    );
  }

  /* z[q] = max_j y[k·q + j]. */
  function maximum(y, pool) {
    const window = (q) => y.slice(pool * q, pool * q + pool);
    return range(y.length / pool).map((q) => Math.max(...window(q)));
  }

  function checkBorder(settings) {
    if (!Object.hasOwn(BORDERS, settings.border))
      throw new RangeError(
        `${TAG}: border must be circle or zeros, got ${settings.border}`,
      );
  }

  function checkRow(name, row, n) {
    if (row.length !== n)
      throw new RangeError(`${TAG}: ${name} must have ${n} entries`);
  }

  /* For each lane: its step, what it shows now, and what it showed before.  `carried` is
   * the latter, moved along with the image, or null where the shift is no whole step;
   * `differs` lists where it is not what is shown now. */
  function compare(now, before, shift) {
    const step = SIZE / now.length;
    const whole = shift % step === 0;
    const carried = whole ? roll(before, shift / step) : null;
    const differs = whole
      ? range(now.length).filter((p) => now[p] !== carried[p])
      : null;
    return { step, now, before, carried, differs };
  }

  /* Settings are shift, kernel, stride, pool and border; x and w may replace the contents
   * above. */
  function compute(settings) {
    checkSettings(TAG, settings, RANGES);
    checkBorder(settings);
    const { shift, kernel, pool } = settings;
    const x = settings.x ?? IMAGE;
    const w = settings.w ?? KERNEL.slice(0, kernel);
    checkRow("x", x, SIZE);
    checkRow("w", w, kernel);
    const run = (image) => {
      const y = convolve(image, w, settings);
      const z = maximum(y, pool);
      return { x: image, y, z, top: maximum(z, z.length) };
    };
    const now = run(roll(x, shift));
    const before = run(x);
    const lane = (name) => compare(now[name], before[name], shift);
    const largest = { now: now.top[0], before: before.top[0] };
    return { w, x: lane("x"), y: lane("y"), z: lane("z"), largest };
  }

  // Words -----------------------------------------------------------------------------

  const numbers = (row) => row.map(number).join(", ");

  /* What a lane does when the image moves, and whether that is what it should do. */
  function verdict({ step, now, differs }, shift) {
    if (differs === null) {
      const words = `no whole step: ${shift} is no multiple of ${step}`;
      return { state: "between", words };
    }
    if (differs.length === 0)
      return { state: "moves", words: `moves along, by ${shift / step}` };
    const words = `differs at ${differs.length} of ${now.length} positions`;
    return { state: "differs", words };
  }

  function verdictOfLargest({ now, before }) {
    if (now === before) return { state: "moves", words: `stays ${number(now)}` };
    const words = `changes from ${number(before)} to ${number(now)}`;
    return { state: "differs", words };
  }

  // Drawing ---------------------------------------------------------------------------

  const UNIT = 32;
  const GHOST = 26; // height of the row that is carried along
  const MARKS = { moves: "✓", differs: "✗", between: "–" };

  /* One number in a box; shade says how large it is among its row. */
  function drawCell(value, left, top, width, height, { shade = 0, state = "" } = {}) {
    const box = { x: left, y: top, width, height };
    const inner = { x: left + 2, y: top + 2, width: width - 4, height: height - 4 };
    return svg(
      "g",
      { class: `cell ${state}` },
      svg("rect", { class: "box", ...box }),
      svg("rect", { class: "shade", ...box, style: `--shade: ${shade.toFixed(3)}` }),
      svg("rect", { class: "mark", ...inner }),
      svg(
        "text",
        { x: left + width / 2, y: top + height / 2 + 5.5 },
        document.createTextNode(number(value)),
      ),
    );
  }

  /* The row of now, and under it the row of before, as far to the right as the image has
   * moved: the part of a box that leaves at the right comes in at the left. */
  function drawLane({ step, now, before, differs }, shift, ghost) {
    const width = step * UNIT;
    const most = Math.max(1, ...now.map(Math.abs), ...before.map(Math.abs));
    const cells = now.map((value, p) => {
      const shade = Math.abs(value) / most;
      const state = differs?.includes(p) ? "differs" : "";
      return drawCell(value, p * width, 0, width, UNIT, { shade, state });
    });
    const ghosts = before.flatMap((value, p) => {
      const left = modulo(step * p + shift, SIZE);
      const over = Math.max(0, left + step - SIZE);
      const parts = [[left, step - over], ...(over ? [[0, over]] : [])];
      const state = `ghost ${differs === null ? "between" : ""}`;
      return parts.map(([first, columns]) =>
        drawCell(value, first * UNIT, UNIT + 4, columns * UNIT, GHOST, { state }),
      );
    });
    const height = ghost ? UNIT + 4 + GHOST : UNIT;
    return svg(
      "svg",
      { viewBox: `0 0 ${SIZE * UNIT} ${height}`, role: "img" },
      ...cells,
      ...(ghost ? ghosts : []),
      svg("rect", { class: "frame", width: SIZE * UNIT, height: UNIT }),
    );
  }

  // The element -----------------------------------------------------------------------

  class ShiftViewer extends Figure {
    static tag = TAG;
    static label = "Shift viewer";
    static ranges = RANGES;
    static controls = {
      shift: "shift t",
      kernel: "kernel K",
      stride: "stride s",
      pool: "pooling k",
    };

    parts() {
      this.lanes = html("div", { class: "lanes" });
      this.status = html("p", {
        class: "spoken",
        role: "status",
        "aria-atomic": "true",
      });
      const notes = html("p", { class: "notes" });
      notes.append(
        "Drag the image, or move the sliders. Dashed: the result from before, carried " +
          "along with the image. Framed: not what was carried there.",
      );
      for (const event of ["pointerdown", "pointermove", "pointerup", "pointercancel"])
        this.lanes.addEventListener(event, (e) => this.drag(e));
      return [this.lanes, notes, this.status];
    }

    readAttributes() {
      const settings = super.readAttributes();
      settings.border = this.getAttribute("border");
      checkBorder(settings);
      return settings;
    }

    makeControls() {
      const controls = super.makeControls();
      const select = html("select", { name: "border" });
      for (const [value, words] of Object.entries(BORDERS))
        select.append(html("option", { value }, words));
      select.value = this.settings.border;
      select.addEventListener("input", () => this.set({ border: select.value }));
      controls.append(html("label", {}, html("span", {}, "beyond the border"), select));
      return controls;
    }

    /* Show everything anew; the image's own drawing stays while it is dragged. */
    draw() {
      const { shift, stride, pool } = this.settings;
      const result = compute(this.settings);
      const lanes = [
        ["image", "image x", `moved by ${shift}`, result.x],
        ["convolution", `convolution y, stride ${stride}`, null, result.y],
        ["pooling", `pooling z, size ${pool}`, null, result.z],
      ].map(([name, title, words, lane]) => {
        const found = words ? { state: "plain", words } : verdict(lane, shift);
        return this.makeLane(name, title, found, lane, words === null);
      });
      const largest = verdictOfLargest(result.largest);
      const row = { step: SIZE, now: [result.largest.now], before: [], differs: [] };
      if (largest.state === "differs") row.differs = [0];
      const last = this.makeLane("largest", "largest of all", largest, row, false);
      const image = this.lanes.querySelector(".image");
      if (image) {
        image.replaceChildren(...lanes[0].children);
        while (image.nextSibling) image.nextSibling.remove();
        this.lanes.append(...lanes.slice(1), last);
      } else this.lanes.replaceChildren(...lanes, last);
      const spoken = [...this.lanes.querySelectorAll(".heading")];
      this.status.textContent = `${spoken.map((p) => p.textContent).join(". ")}.`;
    }

    makeLane(name, title, { state, words }, lane, ghost) {
      const drawing = drawLane(lane, this.settings.shift, ghost);
      const before = ghost ? `; before the shift ${numbers(lane.before)}` : "";
      drawing.setAttribute("aria-label", `${title}: ${numbers(lane.now)}${before}`);
      const mark = MARKS[state] ? `${MARKS[state]} ` : "";
      const heading = html(
        "p",
        { class: "heading" },
        html("span", { class: "title" }, ...mathematics(title)),
        " ",
        html("span", { class: `verdict-words ${state}` }, mark + words),
      );
      return html("div", { class: `lane ${name}` }, heading, drawing);
    }

    drag(event) {
      const image = this.lanes.querySelector(".image");
      if (event.type === "pointerdown") {
        if (!image.contains(event.target) || event.button !== 0) return;
        image.setPointerCapture(event.pointerId);
        this.held = { from: event.clientX, shift: this.settings.shift };
      } else if (event.type !== "pointermove") this.held = null;
      if (!this.held || event.type !== "pointermove") return;
      const column = image.querySelector("svg").getBoundingClientRect().width / SIZE;
      const steps = Math.round((event.clientX - this.held.from) / column);
      this.set({ shift: modulo(this.held.shift + steps, SIZE) });
    }
  }

  window.ShiftViewer = { RANGES, BORDERS, compute };
  customElements.define(TAG, ShiftViewer);
})();
