/* <pool-switches size="6" kernel="3" stride="2" padding="1">
 * Max pooling in two square axes, explored by pointer, touch or keyboard: an output
 * cell shows its window and its switch, the place of its maximum; an input cell shows
 * the windows it has won, and the gradient that they send back.
 *
 * Letters as in the book: x input, y output, g upstream gradient; h w input, p q output
 * and i j kernel positions; H K sizes, s stride, P padding.
 */
(() => {
  "use strict";

  // Arithmetic ------------------------------------------------------------------------

  const RANGES = {
    size: [1, 8],
    kernel: [1, 4],
    stride: [1, 4],
    padding: [0, 2],
  };

  /* Small integers of both signs, with ties in half of the windows of 3.  No flip, turn
   * or transpose leaves any top left corner of these grids as it was. */
  const CONTENTS = {
    x: (h, w) => ((((5 * h + 6) * (4 * w + 7)) % 37) % 9) - 2,
    g: (p, q) => ((((8 * p + 3) * (11 * q + 4)) % 29) % 7) - 3 || 4,
  };

  const range = (n, first = 0) => Array.from({ length: n }, (_, k) => first + k);
  const square = (n, entry) => range(n).map((a) => range(n).map((b) => entry(a, b)));

  const padded = ({ size, padding }) => size + 2 * padding;

  /* Say why the settings allow no pooling, or null. */
  function objection(settings) {
    const { kernel, padding } = settings;
    if (2 * padding > kernel)
      return `padding ${padding} is more than half the kernel size ${kernel}`;
    if (kernel > padded(settings))
      return (
        `the kernel spans ${kernel} ` +
        `but the padded input has only ${padded(settings)}`
      );
    return null;
  }

  function outSize(settings) {
    if (objection(settings)) return 0;
    const { kernel, stride } = settings;
    return Math.floor((padded(settings) - kernel) / stride) + 1;
  }

  /* Along one axis, the positions of the input that window p reads: s·p + i − P. */
  function reads({ size, kernel, stride, padding }, p) {
    const positions = range(kernel).map((i) => stride * p + i - padding);
    return positions.filter((h) => 0 <= h && h < size);
  }

  /* The window of an output, row by row; the padding is left out, as lower than all. */
  function windowOf(settings, p, q) {
    const columns = reads(settings, q);
    return reads(settings, p).flatMap((h) => columns.map((w) => [h, w]));
  }

  function checkSettings(settings) {
    for (const [name, [least]] of Object.entries(RANGES)) {
      const value = settings[name];
      if (!Number.isInteger(value))
        throw new TypeError(`pool-switches: ${name} must be an integer, got ${value}`);
      if (value < least)
        throw new RangeError(
          `pool-switches: ${name} must be at least ${least}, got ${value}`,
        );
    }
  }

  function checkSquare(name, array, n) {
    if (array.length !== n || array.some((row) => row.length !== n))
      throw new RangeError(`pool-switches: ${name} must be ${n} × ${n}`);
  }

  /* Settings are size, kernel, stride, padding; x and g may replace the contents above.
   * `at` holds the switches: of equal entries the first, row by row, is the maximum.
   * Where nothing can be pooled, `message` says why. */
  function compute(settings) {
    checkSettings(settings);
    const { size } = settings;
    const message = objection(settings);
    const out = outSize(settings);
    const x = settings.x ?? square(size, CONTENTS.x);
    const g = settings.g ?? square(out, CONTENTS.g);
    checkSquare("x", x, size);
    checkSquare("g", g, out);

    const higher = (best, [h, w]) => (x[h][w] > x[best[0]][best[1]] ? [h, w] : best);
    const at = square(out, (p, q) => {
      const [first, ...others] = windowOf(settings, p, q);
      return others.reduce(higher, first);
    });
    const y = square(out, (p, q) => x[at[p][q][0]][at[p][q][1]]);
    const dx = square(size, () => 0);
    for (const p of range(out))
      for (const q of range(out)) dx[at[p][q][0]][at[p][q][1]] += g[p][q];
    return { fits: message === null, message, out, x, g, y, at, dx };
  }

  // Words -----------------------------------------------------------------------------

  const number = (value) => String(value).replace("-", "−");
  const term = (value) => (value < 0 ? `(${number(value)})` : number(value));
  const same = ([a, b], [c, d]) => a === c && b === d;
  const name = (letter, [a, b]) => `${letter}[${a},${b}]`;
  const list = (words) => words.join(", ").replace(/, ([^,]*)$/, " and $1");
  const windows = (n) => (n === 1 ? "1 window" : `${n} windows`);

  /* affine(-1, "i") is "i − 1". */
  function affine(constant, letter) {
    if (constant === 0) return letter;
    return `${letter} ${constant < 0 ? "−" : "+"} ${Math.abs(constant)}`;
  }

  // Drawing ---------------------------------------------------------------------------

  const UNIT = 32;

  function append(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes))
      node.setAttribute(key, value);
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
        svg("rect", { class: "mark", x: 2.5, y: 2.5, width: 27, height: 27, rx: 2 }),
        svg("circle", { class: "ring", cx: 16, cy: 16, r: 11.5 }),
        this.value,
        this.corner,
      );
      append(this.node, attributes, []);
      this.node.cell = this;
    }

    show(letter, value, remark = "") {
      this.value.textContent = number(value);
      if (this.inGrid)
        this.node.setAttribute(
          "aria-label",
          `${name(letter, this.position)} = ${number(value)}${remark}`,
        );
    }

    mark(state, corner = "") {
      this.node.classList.add(state);
      this.node.classList.toggle("paired", corner !== "");
      this.corner.textContent = number(corner);
    }

    clear() {
      this.node.classList.remove("used", "lost", "won", "paired", "chosen");
      this.corner.textContent = "";
    }
  }

  /* A square of numbers; the ring of padding is drawn but is no part of the grid. */
  class Grid {
    constructor(kind, label, values, padding = 0) {
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
          const cell = new Cell(
            a,
            b,
            padding,
            inGrid ? { role: "gridcell", tabindex: -1 } : { class: "padding" },
          );
          cell.show(kind, value ?? "-∞");
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
    kernel: "window K",
    stride: "stride s",
    padding: "padding P",
  };
  const STEPS = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };

  class PoolSwitches extends HTMLElement {
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
      this.setAttribute("aria-label", "Max pooling and its switches");
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
      for (const [key, [, most]] of Object.entries(RANGES)) {
        settings[key] = Number(this.getAttribute(key) ?? NaN);
        if (settings[key] > most)
          throw new RangeError(
            `pool-switches: ${key} must be at most ${most}, got ${settings[key]}`,
          );
      }
      checkSettings(settings);
      return settings;
    }

    makeControls() {
      const makeControl = ([key, words]) => {
        const [min, max] = RANGES[key];
        const value = this.settings[key];
        const input = html("input", { type: "range", name: key, min, max, value });
        const shown = html("b", { "aria-hidden": "true" }, String(value));
        input.addEventListener("input", () => {
          this.settings[key] = input.valueAsNumber;
          shown.textContent = input.value;
          this.draw();
        });
        const label = html("span", {}, ...mathematics(words));
        return html("label", {}, html("span", {}, label, shown), input);
      };
      const controls = Object.entries(CONTROLS).map(makeControl);
      return html("div", { class: "controls" }, ...controls);
    }

    /* Show everything that depends on the settings, then what the chosen cell says. */
    draw() {
      this.result = compute(this.settings);
      const { fits, message } = this.result;
      this.drawFormula();
      this.drawFigures();
      const words = ["Ringed: the switches."];
      if (fits) words.unshift("Point at a cell, or walk with the arrow keys.");
      if (this.settings.padding) words.push("Dashed: padding, below every number.");
      this.notes.replaceChildren(words.slice(fits ? 0 : 1).join(" "));
      if (fits) {
        const { kind, a, b } = this.chosen;
        const last = this.result[kind].length - 1;
        this.choose(kind, Math.min(a, last), Math.min(b, last));
      } else {
        const sentence = `Nothing is pooled: ${message}.`;
        this.sum.replaceChildren(html("p", { class: "message" }, sentence));
      }
    }

    drawFormula() {
      const { size: H, kernel: K, stride: s, padding: P } = this.settings;
      const { fits, out } = this.result;
      const steps = ["H_out = ⌊(H + 2P − K)/s⌋ + 1", `= ⌊${H + 2 * P - K}/${s}⌋ + 1`];
      const refused = [`2P = ${2 * P}, K = ${K}, H + 2P = ${H + 2 * P}`];
      this.formula.replaceChildren(
        ...unbroken(fits ? [...steps, `= ${out}`] : refused),
      );
    }

    drawFigures() {
      const { size, padding } = this.settings;
      const { fits, out, x, y, at } = this.result;
      const by = (n) => `${n} × ${n}`;
      const figure = (title, words, sizes, body) => {
        const label = html("span", {}, ...mathematics(words));
        const heading = html("p", { class: "heading" }, label, " ", sizes);
        return html("div", { class: title }, heading, body);
      };
      this.grids = { x: new Grid("x", `input x, ${by(size)}`, x, padding) };
      if (fits) this.grids.y = new Grid("y", `output y, ${by(out)}`, y);
      for (const place of at.flat()) {
        const cell = this.grids.x.at(...place);
        const count = at.flat().filter((other) => same(other, place)).length;
        cell.node.classList.add("switch");
        cell.show("x", x[place[0]][place[1]], `, the switch of ${windows(count)}`);
      }
      const ring = padding ? `, padded to ${padded(this.settings)}` : "";
      const empty = html("p", { class: "empty" }, "nothing is pooled");
      this.figures.replaceChildren(
        figure("input", "input x", by(size) + ring, this.grids.x.svg),
        figure("output", "output y", fits ? by(out) : "", this.grids.y?.svg ?? empty),
      );
      this.figures.style.setProperty("--input", padded(this.settings));
      this.figures.style.setProperty("--output", Math.max(out, 3));
    }

    choose(kind, a, b) {
      this.chosen = { kind, a, b };
      this.dataset.direction = kind === "y" ? "forward" : "backward";
      for (const grid of Object.values(this.grids))
        for (const cell of grid.cells.values()) cell.clear();
      this.grids[kind].choose(a, b);
      const letter = kind === "y" ? "y" : "g";
      const words = kind === "y" ? "output y" : "upstream g";
      this.figures
        .querySelector(".output .heading span")
        .replaceChildren(...mathematics(words));
      for (const cell of this.grids.y.cells.values()) {
        const [p, q] = cell.position;
        cell.show(letter, this.result[letter][p][q]);
      }
      this.sum.replaceChildren(...(kind === "y" ? this.forward : this.backward)(a, b));
    }

    /* Mark the window of an output and its switch; say how the maximum is found. */
    forward = (p, q) => {
      const { x, y, at } = this.result;
      const { stride: s, padding: P, kernel } = this.settings;
      const place = at[p][q];
      for (const h of range(kernel, s * p - P))
        for (const w of range(kernel, s * q - P)) this.grids.x.at(h, w).mark("used");
      this.grids.x.at(...place).mark("won");
      const seen = windowOf(this.settings, p, q);
      const index = `x[${affine(s * p - P, "i")}, ${affine(s * q - P, "j")}]`;
      const values = seen.map(([h, w]) => number(x[h][w])).join(", ");
      const equal = seen.filter(([h, w]) => x[h][w] === y[p][q] && !same([h, w], place));
      const found = `, at ${name("x", place)}`;
      const lines = [
        this.head(name("y", [p, q]), ["max over i, j", `of ${index}`]),
        this.line("=", [`max(${values})`]),
        this.line("=", [], html("b", {}, number(y[p][q])), ...mathematics(found)),
      ];
      if (equal.length) {
        const others = list(equal.map((other) => name("x", other)));
        const verb = equal.length > 1 ? "are" : "is";
        const tie = `${others} ${verb} equal: the first, row by row, is the switch.`;
        lines.push(html("p", { class: "tie" }, ...mathematics(tie)));
      }
      return lines;
    };

    /* Mark the windows that read an input; add the gradients of those it has won. */
    backward = (h, w) => {
      const { g, at, dx, out } = this.result;
      const outputs = square(out, (p, q) => [p, q]).flat();
      const reading = outputs.filter(([p, q]) =>
        windowOf(this.settings, p, q).some((place) => same(place, [h, w])),
      );
      const won = reading.filter(([p, q]) => same(at[p][q], [h, w]));
      for (const place of reading) this.grids.y.at(...place).mark("lost");
      for (const place of won) this.grids.y.at(...place).mark("used");
      for (const place of at.flat())
        this.grids.x.at(...place).mark("won", dx[place[0]][place[1]]);
      const title = `∂L/∂${name("x", [h, w])}`;
      const total = html("b", {}, number(dx[h][w]));
      const corner = "In the corners: what every switch collects.";
      if (won.length === 0) {
        const reason = reading.length
          ? `read by ${windows(reading.length)}, the switch of none.`
          : "no window reads this input.";
        return [this.head(title, ["0:", reason]), html("p", { class: "tie" }, corner)];
      }
      const entries = won.map((place) => name("g", place)).join(" + ");
      const terms = won.map(([p, q]) => term(g[p][q])).join(" + ");
      const count = `, from ${won.length} of ${windows(reading.length)}`;
      return [
        this.head(title, [entries]),
        ...(won.length > 1 ? [this.line("=", [terms])] : []),
        this.line("=", [], total, count),
        html("p", { class: "tie" }, corner),
      ];
    };

    head(title, parts) {
      const strong = html("b", {}, ...mathematics(title));
      return html("p", {}, strong, " = ", ...unbroken(parts));
    }

    line(sign, parts, ...nodes) {
      const mark = html("span", { class: "sign" }, sign, " ");
      return html("p", {}, mark, ...parts.flatMap(mathematics), ...nodes, " ");
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

  window.PoolSwitches = { RANGES, compute };
  customElements.define("pool-switches", PoolSwitches);
})();
