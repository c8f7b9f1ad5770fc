/* What the interactive figures share: settings read off attributes and checked, sliders,
 * drawing, words, and grids of numbers that are walked by pointer, touch or keyboard.
 * It defines no element of its own and must be loaded before those that use it.
 */
(() => {
  "use strict";

  // Numbers ---------------------------------------------------------------------------

  const range = (n, first = 0) => Array.from({ length: n }, (_, k) => first + k);
  const square = (n, entry) => range(n).map((a) => range(n).map((b) => entry(a, b)));

  // Settings --------------------------------------------------------------------------

  /* Ranges map a setting's name to [least, most], for integers, or [least, most, parts],
   * for multiples of 1/parts; tag names the element in errors. */
  function checkSettings(tag, settings, ranges) {
    for (const [name, [least, most, parts = 1]] of Object.entries(ranges)) {
      const value = settings[name];
      const kind = parts === 1 ? "an integer" : `a multiple of ${1 / parts}`;
      if (!Number.isFinite(value) || Math.round(value * parts) / parts !== value)
        throw new TypeError(`${tag}: ${name} must be ${kind}, got ${value}`);
      if (value < least || value > most)
        throw new RangeError(
          `${tag}: ${name} must be from ${least} to ${most}, got ${value}`,
        );
    }
  }

  function checkSquare(tag, name, array, n) {
    if (array.length !== n || array.some((row) => row.length !== n))
      throw new RangeError(`${tag}: ${name} must be ${n} × ${n}`);
  }

  // Words -----------------------------------------------------------------------------

  const number = (value) => String(value).replace("-", "−");
  const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));
  const by = (n) => `${n} × ${n}`;
  const entryName = (letter, [a, b]) => `${letter}[${a},${b}]`;

  /* list(["a", "b", "c"]) is "a, b and c". */
  const list = (words) => words.join(", ").replace(/, ([^,]*)$/, " and $1");

  /* affine(-1, [2, "p"], [1, "i"]) is "2p + i − 1". */
  function affine(constant, ...terms) {
    const words = terms
      .map(([n, letter]) => (n === 1 ? letter : n + letter))
      .join(" + ");
    if (constant === 0) return words;
    return `${words} ${constant < 0 ? "−" : "+"} ${Math.abs(constant)}`;
  }

  // Nodes -----------------------------------------------------------------------------

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

  /* Words as nodes: single letters are variables, in italics; _out, _max and _1 are
   * subscripts, ^−3 is a power. */
  function mathematics(text) {
    return text.split(/(_(?:out|max|\d)|\^−?\d+|[A-Za-z]+|[α-ω])/).map((word) => {
      if (word[0] === "_") return html("sub", {}, word.slice(1));
      if (word[0] === "^") return html("sup", {}, word.slice(1));
      return /^[A-Za-zα-ω]$/.test(word) ? html("i", {}, word) : word;
    });
  }

  /* Parts of a formula, so that a line breaks between them only. */
  const unbroken = (parts) =>
    parts.flatMap((part) => [
      html("span", { class: "unbroken" }, ...mathematics(part)),
      " ",
    ]);

  // A figure --------------------------------------------------------------------------

  /* The element of a figure.  Its class names the element (`tag`), what it is called
   * (`label`), the `ranges` of its settings and the words at their sliders (`controls`);
   * `parts` gives what stands below the sliders, and `draw` fills it.  A wrong attribute
   * is an error, and leaves the words that are there without a script. */
  class Figure extends HTMLElement {
    connectedCallback() {
      if (this.settings) return;
      this.settings = this.readAttributes();
      this.setAttribute("role", "group");
      this.setAttribute("aria-label", this.constructor.label);
      this.replaceChildren(this.makeControls(), ...this.parts());
      this.draw();
    }

    readAttributes() {
      const { tag, ranges } = this.constructor;
      const settings = {};
      for (const name of Object.keys(ranges))
        settings[name] = Number(this.getAttribute(name) ?? NaN);
      checkSettings(tag, settings, ranges);
      return settings;
    }

    makeControls() {
      this.inputs = {};
      const { controls } = this.constructor;
      const sliders = Object.entries(controls).map((pair) => this.makeSlider(...pair));
      return html("div", { class: "controls" }, ...sliders);
    }

    makeSlider(name, words) {
      const [min, max, parts = 1] = this.constructor.ranges[name];
      const value = this.settings[name];
      const step = 1 / parts;
      const input = html("input", { type: "range", name, min, max, step, value });
      const shown = html("b", { "aria-hidden": "true" }, number(value));
      input.addEventListener("input", () =>
        this.set({ [name]: Math.round(input.valueAsNumber * parts) / parts }),
      );
      this.inputs[name] = { input, shown };
      const label = html("span", {}, ...mathematics(words));
      return html("label", {}, html("span", {}, label, shown), input);
    }

    /* Change settings, and with them their sliders and the figure. */
    set(changes) {
      const changed = Object.entries(changes).filter(
        ([name, value]) => this.settings[name] !== value,
      );
      for (const [name, value] of changed) {
        this.settings[name] = value;
        if (!(name in this.inputs)) continue;
        this.inputs[name].input.value = value;
        this.inputs[name].shown.textContent = number(value);
      }
      if (changed.length) this.draw();
    }
  }

  // Grids of numbers ------------------------------------------------------------------

  const UNIT = 32;
  const HATCH = [8, 16, 24]
    .map((t) => `M0 ${t}L${t} 0M${t} ${UNIT}L${UNIT} ${t}`)
    .concat(`M0 ${UNIT}L${UNIT} 0`)
    .join("");
  const STATES = ["used", "lost", "won", "paired", "chosen"];

  /* One number in a square; attributes make it a cell of the grid or of the padding.
   * Its states are classes, each with a line, ring or pattern of its own. */
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
        svg("circle", { class: "ring", cx: 16, cy: 16, r: 11.5 }),
        this.value,
        this.corner,
      );
      append(this.node, attributes, []);
      this.node.cell = this;
    }

    show(letter, value, remark = "") {
      const words = number(value);
      this.value.textContent = words;
      this.node.classList.toggle("wide", words.length > 2);
      if (!this.inGrid) return;
      const label = `${entryName(letter, this.position)} = ${words}${remark}`;
      this.node.setAttribute("aria-label", label);
    }

    /* Give it a state; the corner holds a second number, where there is one. */
    mark(state, corner = "") {
      this.node.classList.add(state);
      this.node.classList.toggle("paired", corner !== "");
      this.corner.textContent = number(corner);
    }

    clear() {
      this.node.classList.remove(...STATES);
      this.corner.textContent = "";
    }
  }

  /* A square of numbers.  The ring of padding is drawn, as what is read there, but is no
   * part of the grid; rows and columns that no window reads are hatched. */
  class Grid {
    constructor(kind, label, values, { padding = 0, beyond = 0, unread = [] } = {}) {
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
          cell.show(kind, value ?? beyond, skipped ? ", never read" : "");
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

  const STEPS = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };

  /* A figure of grids, in which a chosen cell shows its sum: an output's forward, where
   * the output's grid holds y, and another's backward, where it holds the gradient g.
   * `compute` gives the numbers and `refusal` the words where there is no output;
   * `drawFormula`, `drawGrids` and `drawNotes` show what depends on the settings alone,
   * and `explain` marks the cells of a sum and gives its lines. */
  class GridFigure extends Figure {
    parts() {
      this.chosen = { kind: "y", a: 1, b: 1 };
      this.formula = html("p", { class: "formula" });
      this.figures = html("div", { class: "figures" });
      this.notes = html("p", { class: "notes" });
      this.sum = html("div", { class: "sum", role: "status", "aria-atomic": "true" });
      for (const event of ["pointermove", "focusin", "click"])
        this.figures.addEventListener(event, (e) => this.point(e));
      this.figures.addEventListener("keydown", (e) => this.walk(e));
      return [this.formula, this.figures, this.notes, this.sum];
    }

    draw() {
      this.result = this.compute(this.settings);
      this.drawFormula();
      this.drawGrids();
      this.drawNotes();
      if (this.result.fits) {
        const { kind, a, b } = this.chosen;
        const last = this.result[kind].length - 1;
        this.choose(kind, Math.min(a, last), Math.min(b, last));
      } else {
        const words = `${this.refusal}: ${this.result.message}.`;
        this.sum.replaceChildren(html("p", { class: "message" }, words));
      }
    }

    /* A grid or, where there is none, words, below its heading. */
    frame(name, title, sizes, body) {
      const words = html("span", {}, ...mathematics(title));
      const heading = html("p", { class: "heading" }, words, " ", sizes);
      return html("div", { class: name }, heading, body);
    }

    choose(kind, a, b) {
      this.chosen = { kind, a, b };
      const forward = kind === "y";
      this.dataset.direction = forward ? "forward" : "backward";
      for (const grid of Object.values(this.grids))
        for (const cell of grid.cells.values()) cell.clear();
      this.grids[kind].choose(a, b);
      this.showOutput(forward ? "y" : "g", forward ? "output y" : "upstream g");
      this.sum.replaceChildren(...this.explain(kind, a, b));
    }

    /* Backward, the output's cells hold the gradient that arrives at them. */
    showOutput(letter, title) {
      const words = this.figures.querySelector(".output .heading span");
      words.replaceChildren(...mathematics(title));
      for (const cell of this.grids.y.cells.values()) {
        const [p, q] = cell.position;
        cell.show(letter, this.result[letter][p][q]);
      }
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

  /* One line of a sum, behind its sign. */
  const sumLine = (sign, ...words) =>
    html(
      "p",
      {},
      html("span", { class: "sign" }, ...mathematics(sign), " "),
      ...words,
      " ",
    );

  const strong = (words) => html("b", {}, ...mathematics(words));

  window.FigureParts = {
    Figure,
    Grid,
    GridFigure,
    affine,
    by,
    checkSettings,
    checkSquare,
    entryName,
    factor,
    html,
    list,
    mathematics,
    number,
    range,
    square,
    strong,
    sumLine,
    svg,
    unbroken,
  };
})();
