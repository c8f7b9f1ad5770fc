/* <conv-stepper size="7" kernel="3" stride="2" padding="1" dilation="1">
 * A convolution in two square axes with small integers, explored by pointer, touch or
 * keyboard: an output cell shows its sum, an input or kernel cell shows its gradient.
 *
 * Letters as in the book: x input, w kernel, y output, g upstream gradient; h w input,
 * p q output and i j kernel positions; H K sizes, s stride, d dilation, P padding.
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
  const TAG = "conv-stepper";

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

  /* Settings are size, kernel, stride, padding, dilation; x, w and g may replace the
   * contents above.  Where no window fits, `message` says why. */
  function compute(settings) {
    checkSettings(TAG, settings, RANGES);
    const { size, kernel } = settings;
    const out = outSize(settings);
    const x = settings.x ?? square(size, CONTENTS.x);
    const w = settings.w ?? square(kernel, CONTENTS.w);
    const g = settings.g ?? square(out, CONTENTS.g);
    checkSquare(TAG, "x", x, size);
    checkSquare(TAG, "w", w, kernel);
    checkSquare(TAG, "g", g, out);

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

  // The element -----------------------------------------------------------------------

  class ConvStepper extends GridFigure {
    static tag = TAG;
    static label = "Convolution stepper";
    static ranges = RANGES;
    static controls = {
      size: "input H",
      kernel: "kernel K",
      stride: "stride s",
      padding: "padding P",
      dilation: "dilation d",
    };
    compute = compute;
    refusal = "No window fits";

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

    drawGrids() {
      const { size, kernel, padding } = this.settings;
      const { fits, out, x, w, y, unread } = this.result;
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
        this.frame("input", "input x", by(size) + ring, this.grids.x.svg),
        this.frame("kernel", "kernel w", by(kernel), this.grids.w.svg),
        this.frame(
          "output",
          "output y",
          fits ? by(out) : "",
          this.grids.y?.svg ?? empty,
        ),
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
        const which = `row${plural} and column${plural} ${list(unread)}`;
        words.push(`Hatched: ${which}, never read.`);
      }
      this.notes.replaceChildren(words.join(" "));
    }

    explain(kind, a, b) {
      const { x, w, y } = this.grids;
      const lines = products(this.result, kind, a, b);
      for (const { row, col, second } of lines.flat()) {
        if (kind !== "x") x.at(row.h, col.h).mark("used", kind === "y" ? second : "");
        if (kind !== "w") w.at(row.i, col.i).mark("used");
        if (kind !== "y") y.at(row.p, col.p).mark("used", second);
      }
      const { name, value } = SUMS[kind];
      const total = strong(number(this.result[value][a][b]));
      const head = html("p", {}, strong(entryName(name, [a, b])), " = ");
      if (lines.length === 0) {
        head.append(total, ": no window reads this input.");
        return [head];
      }
      head.append(...unbroken(indexForm(kind, a, b, this.settings)));
      const written = writeOut(lines);
      const last = sumLine("=", total);
      if (written.length < lines.length)
        last.append(...mathematics("(above, one number for each p, summed over q)"));
      return [head, ...written.map((text, k) => sumLine(k ? "+" : "=", text)), last];
    }
  }

  window.ConvStepper = { RANGES, compute };
  customElements.define(TAG, ConvStepper);
})();
