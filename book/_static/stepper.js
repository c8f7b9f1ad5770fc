/* <conv-stepper size="7" kernel="3" stride="2" padding="1" dilation="1">
 * A convolution in two square axes with small integers, explored by pointer, touch or
 * keyboard: an output cell shows its sum, an input or kernel cell shows its gradient.
 *
 * Letters as in the book: x input, w kernel, y output, g upstream gradient; h w input,
 * p q output and i j kernel positions; H K sizes, s stride, d dilation, P padding.
 */
(() => {
  "use strict";

  // Arithmetic ------------------------------------------------------------------------

  const RANGES = {
    size: [1, 9],
    kernel: [1, 5],
    stride: [1, 4],
    padding: [0, 3],
    dilation: [1, 3],
  };

  /* Small integers without symmetry: no flip, turn or transpose leaves any top left
   * corner of these grids as it was, so a wrong index shows as a wrong number. */
  const CONTENTS = {
    x: (h, w) => ((((3 * h + 6) * (7 * w + 3)) % 29) % 9) + 1,
    w: (i, j) => ((3 * i + 2 * j + 4) % 7) - 3,
    g: (p, q) => ((((8 * p + 3) * (11 * q + 4)) % 29) % 7) - 3,
  };

  const range = (n, first = 0) => Array.from({ length: n }, (_, k) => first + k);
  const square = (n, entry) => range(n).map((a) => range(n).map((b) => entry(a, b)));

  const span = ({ kernel, dilation }) => dilation * (kernel - 1) + 1;
  const padded = ({ size, padding }) => size + 2 * padding;

  function outSize(settings) {
    const room = padded(settings) - span(settings);
    return room < 0 ? 0 : Math.floor(room / settings.stride) + 1;
  }

  /* Along one axis, window p reads the position h = s·p + d·i − P through tap i.
   * The output, both gradients and every sum on the page are read off this list. */
  function reads({ kernel, stride, padding, dilation }, out) {
    return range(out).flatMap((p) =>
      range(kernel).map((i) => ({ p, i, h: stride * p + dilation * i - padding })),
    );
  }

  function checkSettings(settings) {
    for (const [name, [least]] of Object.entries(RANGES)) {
      const value = settings[name];
      if (!Number.isInteger(value))
        throw new TypeError(`conv-stepper: ${name} must be an integer, got ${value}`);
      if (value < least)
        throw new RangeError(
          `conv-stepper: ${name} must be at least ${least}, got ${value}`,
        );
    }
  }

  function checkSquare(name, array, n) {
    if (array.length !== n || array.some((row) => row.length !== n))
      throw new RangeError(`conv-stepper: ${name} must be ${n} × ${n}`);
  }

  /* Settings are size, kernel, stride, padding, dilation; x, w and g may replace the
   * contents above.  Where no window fits, `message` says why. */
  function compute(settings) {
    checkSettings(settings);
    const { size, kernel } = settings;
    const out = outSize(settings);
    const x = settings.x ?? square(size, CONTENTS.x);
    const w = settings.w ?? square(kernel, CONTENTS.w);
    const g = settings.g ?? square(out, CONTENTS.g);
    checkSquare("x", x, size);
    checkSquare("w", w, kernel);
    checkSquare("g", g, out);

    const y = square(out, () => 0);
    const dx = square(size, () => 0);
    const dw = square(kernel, () => 0);
    const axis = reads(settings, out);
    const inside = axis.filter(({ h }) => 0 <= h && h < size);
    for (const r of inside) {
      for (const c of inside) {
        y[r.p][c.p] += x[r.h][c.h] * w[r.i][c.i];
        dx[r.h][c.h] += g[r.p][c.p] * w[r.i][c.i];
        dw[r.i][c.i] += g[r.p][c.p] * x[r.h][c.h];
      }
    }
    const seen = new Set(inside.map(({ h }) => h));
    const unread = range(size).filter((h) => !seen.has(h));
    const fits = out > 0;
    const message = fits
      ? null
      : `the kernel spans ${span(settings)} ` +
        `but the padded input has only ${padded(settings)}`;
    return { fits, message, out, x, w, g, y, dx, dw, unread, axis };
  }

  // Sums in words ---------------------------------------------------------------------

  /* What a cell of each grid shows: the array its sum is an entry of, the name of that
   * array, and the two arrays that are multiplied. */
  const SUMS = {
    y: { value: "y", name: "y", factors: ["x", "w"] },
    x: { value: "dx", name: "∂L/∂x", factors: ["g", "w"] },
    w: { value: "dw", name: "∂L/∂w", factors: ["g", "x"] },
  };
  const LETTER = { y: "p", g: "p", x: "h", w: "i" };
  const MOST_PRODUCTS = 36;

  const number = (value) => String(value).replace("-", "−");
  const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));

  /* affine(-1, [2, "p"], [1, "i"]) is "2p + i − 1". */
  function affine(constant, ...terms) {
    const words = terms
      .map(([n, letter]) => (n === 1 ? letter : n + letter))
      .join(" + ");
    if (constant === 0) return words;
    return `${words} ${constant < 0 ? "−" : "+"} ${Math.abs(constant)}`;
  }

  /* A cell's sum in index form, in parts between which its line may break. */
  function indexForm(kind, a, b, { stride: s, padding: P, dilation: d }) {
    if (kind === "y") {
      const read = (p, letter) => affine(s * p - P, [d, letter]);
      return [`Σ x[${read(a, "i")}, ${read(b, "j")}]·w[i,j]`];
    }
    if (kind === "w") {
      const read = (i, letter) => affine(d * i - P, [s, letter]);
      return [`Σ g[p,q]·x[${read(a, "p")}, ${read(b, "q")}]`];
    }
    const rows = `${affine(-P, [s, "p"], [d, "i"])} = ${a}`;
    const columns = `${affine(-P, [s, "q"], [d, "j"])} = ${b}`;
    return ["Σ g[p,q]·w[i,j]", `over ${rows}`, `and ${columns}`];
  }

  /* The products that make up one cell's sum, row by row. */
  function products(result, kind, a, b) {
    const letter = LETTER[kind];
    const entry = (name, row, col) =>
      result[name][row[LETTER[name]]]?.[col[LETTER[name]]] ?? 0;
    const rows = result.axis.filter((row) => row[letter] === a);
    const cols = result.axis.filter((col) => col[letter] === b);
    if (cols.length === 0) return [];
    return rows.map((row) =>
      cols.map((col) => {
        const [first, second] = SUMS[kind].factors.map((name) => entry(name, row, col));
        return { row, col, first, second };
      }),
    );
  }

  /* One line of words per row of products; of very many, only each row's total. */
  function writeOut(lines) {
    if (lines.flat().length <= MOST_PRODUCTS)
      return lines.map((line) =>
        line.map((t) => `${factor(t.first)}·${factor(t.second)}`).join(" + "),
      );
    const totals = lines.map((line) =>
      factor(line.reduce((total, t) => total + t.first * t.second, 0)),
    );
    return [totals.join(" + ")];
  }

  // Drawing ---------------------------------------------------------------------------

  const UNIT = 32;
  const HATCH = [8, 16, 24]
    .map((t) => `M0 ${t}L${t} 0M${t} ${UNIT}L${UNIT} ${t}`)
    .concat(`M0 ${UNIT}L${UNIT} 0`)
    .join("");

  function append(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes))
      node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  const html = (tag, attributes = {}, ...children) =>
    append(document.createElement(tag), attributes, children);

  const svg = (tag, attributes = {}, ...children) =>
    append(
      document.createElementNS("http://www.w3.org/2000/svg", tag),
      attributes,
      children,
    );

  /* Words as nodes: single letters are variables, in italics; _out is a subscript. */
  function mathematics(text) {
    return text.split(/(_out|[A-Za-z]+)/).map((word) => {
      if (word === "_out") return html("sub", {}, "out");
      return /^[A-Za-z]$/.test(word) ? html("i", {}, word) : word;
    });
  }

  /* Parts of a formula, so that a line breaks between them only. */
  const unbroken = (parts) =>
    parts.flatMap((part) => [
      html("span", { class: "unbroken" }, ...mathematics(part)),
      " ",
    ]);

  /* One number in a square; attributes make it a cell of the grid or of the padding. */
  class Cell {
    constructor(a, b, offset, attributes) {
      this.position = [a, b];
      this.inGrid = attributes.role === "gridcell";
      this.value = svg("text", { class: "value", x: 16, y: 21.5 });
      this.corner = svg("text", { class: "corner", x: 28, y: 28 });
      this.node = svg(
        "g",
        { transform: `translate(${(b + offset) * UNIT} ${(a + offset) * UNIT})` },
        svg("rect", { class: "box", width: UNIT, height: UNIT }),
        svg("path", { class: "hatch", d: HATCH }),
        svg("rect", { class: "mark", x: 2.5, y: 2.5, width: 27, height: 27, rx: 2 }),
        this.value,
        this.corner,
      );
      append(this.node, attributes, []);
      this.node.cell = this;
    }

    show(name, value, remark = "") {
      this.value.textContent = number(value);
      this.node.classList.toggle("wide", number(value).length > 2);
      if (this.inGrid)
        this.node.setAttribute(
          "aria-label",
          `${name}[${this.position}] = ${number(value)}${remark}`,
        );
    }

    /* Mark as part of the sum; the corner holds the number it is multiplied by. */
    use(corner = "") {
      this.node.classList.add("used");
      this.node.classList.toggle("paired", corner !== "");
      this.corner.textContent = number(corner);
    }

    clear() {
      this.node.classList.remove("used", "paired", "chosen");
      this.corner.textContent = "";
    }
  }

  /* A square of numbers; the ring of padding is drawn but is no part of the grid. */
  class Grid {
    constructor(kind, label, values, { padding = 0, unread = [] } = {}) {
      const n = values.length;
      const total = n + 2 * padding;
      const ring = svg("g", { "aria-hidden": "true" });
      const rows = svg("g", { role: "grid", "aria-label": label });
      rows.append(...range(n).map(() => svg("g", { role: "row" })));
      this.kind = kind;
      this.cells = new Map();
      for (const a of range(total, -padding)) {
        for (const b of range(total, -padding)) {
          const value = values[a]?.[b];
          const inGrid = value !== undefined;
          const skipped = inGrid && (unread.includes(a) || unread.includes(b));
          const cell = new Cell(
            a,
            b,
            padding,
            inGrid
              ? { role: "gridcell", tabindex: -1, class: skipped ? "unread" : "" }
              : { class: "padding" },
          );
          cell.show(kind, value ?? 0, skipped ? ", never read" : "");
          this.cells.set(`${a},${b}`, cell);
          (inGrid ? rows.children[a] : ring).append(cell.node);
        }
      }
      this.at(0, 0).node.setAttribute("tabindex", 0);
      this.svg = svg(
        "svg",
        {
          viewBox: `-1 -1 ${total * UNIT + 2} ${total * UNIT + 2}`,
          style: `--columns: ${total}`,
          "data-grid": kind,
        },
        ring,
        rows,
      );
      this.svg.grid = this;
    }

    at(a, b) {
      return this.cells.get(`${a},${b}`);
    }

    choose(a, b) {
      this.svg.querySelector('[tabindex="0"]').setAttribute("tabindex", -1);
      const { node } = this.at(a, b);
      node.classList.add("chosen");
      node.setAttribute("tabindex", 0);
    }
  }

  // The element -----------------------------------------------------------------------

  const CONTROLS = {
    size: "input H",
    kernel: "kernel K",
    stride: "stride s",
    padding: "padding P",
    dilation: "dilation d",
  };
  const STEPS = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };

  class ConvStepper extends HTMLElement {
    connectedCallback() {
      if (this.settings) return;
      this.settings = this.readAttributes();
      this.chosen = { kind: "y", a: 1, b: 1 };
      this.formula = html("p", { class: "formula" });
      this.figures = html("div", { class: "figures" });
      this.notes = html("p", { class: "notes" });
      this.sum = html("div", { class: "sum", role: "status", "aria-atomic": "true" });
      for (const event of ["pointermove", "focusin", "click"])
        this.figures.addEventListener(event, (e) => this.point(e));
      this.figures.addEventListener("keydown", (e) => this.walk(e));
      this.setAttribute("role", "group");
      this.setAttribute("aria-label", "Convolution stepper");
      this.replaceChildren(
        this.makeControls(),
        this.formula,
        this.figures,
        this.notes,
        this.sum,
      );
      this.draw();
    }

    readAttributes() {
      const settings = {};
      for (const [name, [, most]] of Object.entries(RANGES)) {
        settings[name] = Number(this.getAttribute(name) ?? NaN);
        if (settings[name] > most)
          throw new RangeError(
            `conv-stepper: ${name} must be at most ${most}, got ${settings[name]}`,
          );
      }
      checkSettings(settings);
      return settings;
    }

    makeControls() {
      const makeControl = ([name, words]) => {
        const [min, max] = RANGES[name];
        const value = this.settings[name];
        const input = html("input", { type: "range", name, min, max, value });
        const shown = html("b", { "aria-hidden": "true" }, String(value));
        input.addEventListener("input", () => {
          this.settings[name] = input.valueAsNumber;
          shown.textContent = input.value;
          this.draw();
        });
        const label = html("span", {}, ...mathematics(words));
        return html("label", {}, html("span", {}, label, shown), input);
      };
      const controls = Object.entries(CONTROLS).map(makeControl);
      return html("div", { class: "controls" }, ...controls);
    }

    /* Show everything that depends on the settings, then the chosen cell's sum. */
    draw() {
      this.result = compute(this.settings);
      this.drawFormula();
      this.drawFigures();
      this.drawNotes();
      if (this.result.fits) {
        const { kind, a, b } = this.chosen;
        const last = this.result[kind].length - 1;
        this.choose(kind, Math.min(a, last), Math.min(b, last));
      } else {
        const words = `No window fits: ${this.result.message}.`;
        this.sum.replaceChildren(html("p", { class: "message" }, words));
      }
    }

    drawFormula() {
      const { size: H, kernel: K, stride: s, padding: P, dilation: d } = this.settings;
      const covered = span(this.settings);
      const available = padded(this.settings);
      const steps = this.result.fits
        ? [
            "H_out = ⌊(H + 2P − d·(K − 1) − 1)/s⌋ + 1",
            `= ⌊(${H} + 2·${P} − ${d}·(${K} − 1) − 1)/${s}⌋ + 1`,
            `= ⌊${available - covered}/${s}⌋ + 1`,
            `= ${this.result.out}`,
          ]
        : [
            `d·(K − 1) + 1 = ${d}·(${K} − 1) + 1`,
            `= ${covered} > ${available}`,
            `= ${H} + 2·${P} = H + 2P`,
          ];
      this.formula.replaceChildren(...unbroken(steps));
    }

    drawFigures() {
      const { size, kernel, padding } = this.settings;
      const { fits, out, x, w, y, unread } = this.result;
      const by = (n) => `${n} × ${n}`;
      const figure = (name, title, sizes, body) => {
        const words = html("span", {}, ...mathematics(title));
        const heading = html("p", { class: "heading" }, words, " ", sizes);
        return html("div", { class: name }, heading, body);
      };
      this.grids = {
        x: new Grid("x", `input x, ${by(size)}`, x, {
          padding,
          unread: fits ? unread : [],
        }),
        w: new Grid("w", `kernel w, ${by(kernel)}`, w),
      };
      if (fits) this.grids.y = new Grid("y", `output y, ${by(out)}`, y);
      const ring = padding ? `, padded to ${padded(this.settings)}` : "";
      const empty = html("p", { class: "empty" }, "no window fits");
      this.figures.replaceChildren(
        figure("input", "input x", by(size) + ring, this.grids.x.svg),
        figure("kernel", "kernel w", by(kernel), this.grids.w.svg),
        figure("output", "output y", fits ? by(out) : "", this.grids.y?.svg ?? empty),
      );
      const { style } = this.figures;
      style.setProperty("--input", padded(this.settings));
      style.setProperty("--kernel", kernel);
      style.setProperty("--output", out);
      this.sum.style.setProperty("--lines", 2 + Math.max(kernel, Math.min(out, 6)));
    }

    drawNotes() {
      const { fits, unread } = this.result;
      const { size, padding } = this.settings;
      const words = [];
      if (fits) words.push("Point at a cell, or walk with the arrow keys.");
      if (padding) words.push("Dashed: padding, read as 0.");
      if (fits && unread.length === size)
        words.push("Hatched: no window reads the input, only its padding.");
      else if (fits && unread.length) {
        const plural = unread.length > 1 ? "s" : "";
        const list = unread.join(", ").replace(/, (\d+)$/, " and $1");
        words.push(`Hatched: row${plural} and column${plural} ${list}, never read.`);
      }
      this.notes.replaceChildren(words.join(" "));
    }

    choose(kind, a, b) {
      this.chosen = { kind, a, b };
      const forward = kind === "y";
      const { x, w, y } = this.grids;
      const lines = products(this.result, kind, a, b);
      this.dataset.direction = forward ? "forward" : "backward";
      for (const grid of [x, w, y])
        for (const cell of grid.cells.values()) cell.clear();
      for (const { row, col, second } of lines.flat()) {
        if (kind !== "x") x.at(row.h, col.h).use(forward ? second : "");
        if (kind !== "w") w.at(row.i, col.i).use();
        if (kind !== "y") y.at(row.p, col.p).use(second);
      }
      this.grids[kind].choose(a, b);
      this.showOutput(forward);
      this.writeSum(kind, a, b, lines);
    }

    /* Backward, the output's cells hold the gradient that arrives at them. */
    showOutput(forward) {
      const name = forward ? "y" : "g";
      const title = forward ? "output y" : "upstream g";
      const words = this.figures.querySelector(".output .heading span");
      words.replaceChildren(...mathematics(title));
      for (const cell of this.grids.y.cells.values()) {
        const [p, q] = cell.position;
        cell.show(name, this.result[name][p][q]);
      }
    }

    writeSum(kind, a, b, lines) {
      const { name, value } = SUMS[kind];
      const total = number(this.result[value][a][b]);
      const strong = (words) => html("b", {}, ...mathematics(words));
      const line = (sign, ...words) =>
        html("p", {}, html("span", { class: "sign" }, sign, " "), ...words, " ");
      const head = html("p", {}, strong(`${name}[${a},${b}]`), " = ");
      this.sum.replaceChildren(head);
      if (lines.length === 0) {
        head.append(strong(total), ": no window reads this input.");
        return;
      }
      head.append(...unbroken(indexForm(kind, a, b, this.settings)));
      const written = writeOut(lines);
      const last = line("=", strong(total));
      this.sum.append(...written.map((text, k) => line(k ? "+" : "=", text)), last);
      if (written.length < lines.length)
        last.append(...mathematics("(above, one number for each p, summed over q)"));
    }

    point({ target }) {
      const cell = target.closest('[role="gridcell"]')?.cell;
      if (!cell || !this.result.fits) return;
      const { kind } = target.closest("svg").grid;
      const [a, b] = cell.position;
      const { chosen } = this;
      if (chosen.kind !== kind || chosen.a !== a || chosen.b !== b)
        this.choose(kind, a, b);
    }

    walk(event) {
      const { key, ctrlKey, target } = event;
      const cell = target.closest('[role="gridcell"]')?.cell;
      if (!cell || event.altKey || event.metaKey || event.shiftKey) return;
      const { grid } = target.closest("svg");
      const last = this.result[grid.kind].length - 1;
      const [a, b] = cell.position;
      let next;
      if (key in STEPS) next = [a + STEPS[key][0], b + STEPS[key][1]];
      else if (key === "Home") next = [ctrlKey ? 0 : a, 0];
      else if (key === "End") next = [ctrlKey ? last : a, last];
      else return;
      event.preventDefault();
      const neighbour = grid.at(...next);
      if (neighbour?.inGrid) neighbour.node.focus();
    }
  }

  window.ConvStepper = { RANGES, compute };
  customElements.define("conv-stepper", ConvStepper);
})();
