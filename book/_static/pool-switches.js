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

  const {
    Grid,
    GridFigure,
    affine,
    by,
    checkSettings,
    checkSquare,
    entryName,
    factor,
  } = window.FigureParts;
  const { html, list, mathematics, number, range, square, strong, sumLine, unbroken } =
    window.FigureParts;
  const TAG = "pool-switches";

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

  /* Settings are size, kernel, stride, padding; x and g may replace the contents above.
   * `at` holds the switches: of equal entries the first, row by row, is the maximum.
   * Where nothing can be pooled, `message` says why. */
  function compute(settings) {
    checkSettings(TAG, settings, RANGES);
    const { size } = settings;
    const message = objection(settings);
    const out = outSize(settings);
    const x = settings.x ?? square(size, CONTENTS.x);
    const g = settings.g ?? square(out, CONTENTS.g);
    checkSquare(TAG, "x", x, size);
    checkSquare(TAG, "g", g, out);

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

  const same = ([a, b], [c, d]) => a === c && b === d;
  const windows = (n) => (n === 1 ? "1 window" : `${n} windows`);

  // The element -----------------------------------------------------------------------

  class PoolSwitches extends GridFigure {
    static tag = TAG;
    static label = "Max pooling and its switches";
    static ranges = RANGES;
    static controls = {
      size: "input H",
      kernel: "window K",
      stride: "stride s",
      padding: "padding P",
    };
    compute = compute;
    refusal = "Nothing is pooled";

    drawFormula() {
      const { size: H, kernel: K, stride: s, padding: P } = this.settings;
      const { fits, out } = this.result;
      const steps = ["H_out = ⌊(H + 2P − K)/s⌋ + 1", `= ⌊${H + 2 * P - K}/${s}⌋ + 1`];
      const refused = [`2P = ${2 * P}, K = ${K}, H + 2P = ${H + 2 * P}`];
      this.formula.replaceChildren(
        ...unbroken(fits ? [...steps, `= ${out}`] : refused),
      );
    }

    drawGrids() {
      const { size, padding } = this.settings;
      const { fits, out, x, y, at } = this.result;
      const margin = { padding, beyond: "-∞" };
      this.grids = { x: new Grid("x", `input x, ${by(size)}`, x, margin) };
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
        this.frame("input", "input x", by(size) + ring, this.grids.x.svg),
        this.frame(
          "output",
          "output y",
          fits ? by(out) : "",
          this.grids.y?.svg ?? empty,
        ),
      );
      this.figures.style.setProperty("--input", padded(this.settings));
      this.figures.style.setProperty("--output", Math.max(out, 3));
    }

    drawNotes() {
      const words = ["Ringed: the switches."];
      if (this.result.fits)
        words.unshift("Point at a cell, or walk with the arrow keys.");
      if (this.settings.padding) words.push("Dashed: padding, below every number.");
      this.notes.replaceChildren(words.slice(this.result.fits ? 0 : 1).join(" "));
    }

    explain(kind, a, b) {
      return kind === "y" ? this.forward(a, b) : this.backward(a, b);
    }

    /* Mark the window of an output and its switch; say how the maximum is found. */
    forward(p, q) {
      const { x, y, at } = this.result;
      const { stride: s, padding: P, kernel } = this.settings;
      const place = at[p][q];
      for (const h of range(kernel, s * p - P))
        for (const w of range(kernel, s * q - P)) this.grids.x.at(h, w).mark("used");
      this.grids.x.at(...place).mark("won");
      const seen = windowOf(this.settings, p, q);
      const read = (a, letter) => affine(s * a - P, [1, letter]);
      const index = `x[${read(p, "i")}, ${read(q, "j")}]`;
      const values = seen.map(([h, w]) => number(x[h][w])).join(", ");
      const equal = seen.filter(
        ([h, w]) => x[h][w] === y[p][q] && !same([h, w], place),
      );
      const found = `, at ${entryName("x", place)}`;
      const lines = [
        this.head(entryName("y", [p, q]), ["max over i, j", `of ${index}`]),
        sumLine("=", `max(${values})`),
        sumLine("=", strong(number(y[p][q])), ...mathematics(found)),
      ];
      if (equal.length) {
        const others = list(equal.map((other) => entryName("x", other)));
        const verb = equal.length > 1 ? "are" : "is";
        const tie = `${others} ${verb} equal: the first, row by row, is the switch.`;
        lines.push(html("p", { class: "tie" }, ...mathematics(tie)));
      }
      return lines;
    }

    /* Mark the windows that read an input; add the gradients of those it has won. */
    backward(h, w) {
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
      const title = `∂L/∂${entryName("x", [h, w])}`;
      const total = strong(number(dx[h][w]));
      const corner = "In the corners: what every switch collects.";
      if (won.length === 0) {
        const reason = reading.length
          ? `read by ${windows(reading.length)}, the switch of none.`
          : "no window reads this input.";
        return [this.head(title, ["0:", reason]), html("p", { class: "tie" }, corner)];
      }
      const entries = won.map((place) => entryName("g", place)).join(" + ");
      const terms = won.map(([p, q]) => factor(g[p][q])).join(" + ");
      const count = `, from ${won.length} of ${windows(reading.length)}`;
      return [
        this.head(title, [entries]),
        ...(won.length > 1 ? [sumLine("=", terms)] : []),
        sumLine("=", total, count),
        html("p", { class: "tie" }, corner),
      ];
    }

    head(title, parts) {
      return html("p", {}, strong(title), " = ", ...unbroken(parts));
    }
  }

  window.PoolSwitches = { RANGES, compute };
  customElements.define(TAG, PoolSwitches);
})();
