/* What a browser can see that a build cannot.  Each check lists what is wrong. */
window.pageChecks = (() => {
  const article = () => document.querySelector("article") ?? document.body;
  const all = (selector, root = article()) => [...root.querySelectorAll(selector)];
  const name = (element) =>
    `<${element.tagName.toLowerCase()}> ${element.outerHTML.slice(0, 120)}`;

  /* Every formula is typeset, without an error, and no TeX is left in the text. */
  const formulas = () => {
    const wrong = [];
    for (const math of all(".math")) {
      if (!math.querySelector("mjx-container")) wrong.push(`not typeset: ${name(math)}`);
    }
    for (const error of all("mjx-merror", document)) {
      wrong.push(`mjx-merror: ${error.textContent} ${error.title}`);
    }
    const walker = document.createTreeWalker(article(), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { parentElement, data } = walker.currentNode;
      if (parentElement.closest("pre, code, script, style, mjx-container")) continue;
      if (/\\[a-z]{2,}|\\[()[\]]|\$\$|:::|\?\?\?/i.test(data)) {
        wrong.push(`source in the text: ${data.trim().slice(0, 120)}`);
      }
    }
    return wrong;
  };

  /* Every picture is there and has a text; every figure has a caption. */
  const pictures = () => {
    const wrong = [];
    for (const image of all("img")) {
      if (!image.alt.trim()) wrong.push(`no alt text: ${name(image)}`);
      if (!image.complete || !image.naturalWidth) wrong.push(`no image: ${name(image)}`);
    }
    for (const svg of all("svg")) {
      const label = svg.getAttribute("aria-label") || svg.getAttribute("aria-labelledby");
      const title = svg.querySelector(":scope > title")?.textContent;
      const icon = svg.closest("[aria-hidden=true], button"); // which has its own label
      const parts = svg.querySelector("[role][aria-label]"); // a grid of cells, each named
      if (!(icon || label || title || parts)) {
        wrong.push(`no label: ${name(svg)}`);
      }
    }
    for (const figure of all("figure")) {
      if (!figure.querySelector("figcaption")?.textContent.trim()) {
        wrong.push(`no caption: ${name(figure)}`);
      }
    }
    return wrong;
  };

  /* Nothing is wider than the window, unless it scrolls in a box of its own, or is part
   * of a drawing that says it cuts off what leaves it. */
  const overflow = () => {
    const wrong = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) {
      wrong.push(`the page is ${root.scrollWidth} wide, the window ${root.clientWidth}`);
    }
    const scrolls = (element) =>
      element !== article() &&
      (/auto|scroll/.test(getComputedStyle(element).overflowX) ||
        (element.parentElement && scrolls(element.parentElement)));
    const widest = all("*").filter((element) => {
      const { right, width } = element.getBoundingClientRect();
      const cut = element.parentElement.closest("svg[data-cut]");
      return width && right > root.clientWidth + 1 && !cut && !scrolls(element);
    });
    return wrong.concat(
      widest.slice(0, 3).map((element) => `reaches out: ${name(element)}`),
    );
  };

  /* No line starts with the comma after a formula. */
  const lines = () =>
    all("span.math")
      .filter((math) => {
        const after = math.nextSibling;
        if (after?.nodeType !== Node.TEXT_NODE || !/^[,.;:!?)]/.test(after.data)) {
          return false;
        }
        const mark = document.createRange();
        mark.setStart(after, 0);
        mark.setEnd(after, 1);
        const { bottom, height } = math.getBoundingClientRect();
        const { top, bottom: foot } = mark.getBoundingClientRect();
        return height && (top + foot) / 2 > bottom;
      })
      .map((math) => `a line starts with punctuation: ${name(math.parentElement)}`);

  /* Text stands out from what it stands on: WCAG 2's ratio, level AA. */
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = new Map(); // from a colour as CSS writes it
  const read = (colour) => {
    if (!rgba.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      rgba.set(colour, [r, g, b, a / 255]);
    }
    return rgba.get(colour);
  };
  const over = (top, below) => {
    const a = top[3];
    return [0, 1, 2].map((k) => a * top[k] + (1 - a) * below[k]).concat(1);
  };
  const ground = (element) => {
    if (!element) return [255, 255, 255, 1];
    const colour = read(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour : over(colour, ground(element.parentElement));
  };
  const luminance = (colour) => {
    const [r, g, b] = colour
      .slice(0, 3)
      .map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const ownText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());

  const contrast = () => {
    const wrong = new Map(); // one of each pair of colours is enough
    for (const element of all("*", document.body)) {
      if (!ownText(element) || element.closest("mjx-container, svg, script, style")) {
        continue;
      }
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
        continue;
      }
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      const below = ground(element);
      const found = ratio(over(read(color), below), below);
      const size = parseFloat(fontSize);
      const large = size >= 24 || (size >= 18.66 && fontWeight >= 700);
      if (found < (large ? 3 : 4.5)) {
        const pair = `${color} on ${below.slice(0, 3).map(Math.round)}`;
        wrong.set(pair, `contrast ${found.toFixed(2)}, ${pair}: ${name(element)}`);
      }
    }
    return [...wrong.values()];
  };

  return { formulas, pictures, overflow, lines, contrast };
})();
