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

  /* Nothing is wider than the window, unless it scrolls in a box of its own. */
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
      return width && right > root.clientWidth + 1 && !scrolls(element);
    });
    return wrong.concat(
      widest.slice(0, 3).map((element) => `reaches out: ${name(element)}`),
    );
  };

  return { formulas, pictures, overflow };
})();
