/* A table, equation or listing wider than the page scrolls in its own box.  Such a box
   can be reached by the keyboard, and data-scrolls says whether more is to come. */
(() => {
  const BOXES =
    ".pst-scrollable-table-container, div.math > mjx-container, .highlight pre";

  const update = (box) => {
    const hidden = box.scrollWidth - box.clientWidth;
    if (hidden > 0) {
      box.dataset.scrolls = box.scrollLeft < hidden - 1 ? "more" : "end";
      box.tabIndex = 0;
    } else if (box.dataset.scrolls) {
      delete box.dataset.scrolls;
      box.removeAttribute("tabindex");
    }
  };

  const watch = (boxes) => {
    const sizes = new ResizeObserver((changes) =>
      changes.forEach(({ target }) => update(target)),
    );
    for (const box of boxes) {
      sizes.observe(box);
      box.addEventListener("scroll", () => update(box), { passive: true });
    }
    // A font that comes late changes what is in a box, not the box.
    document.fonts.addEventListener("loadingdone", () => boxes.forEach(update));
    boxes.forEach(update);
  };

  // Sphinx puts MathJax after this script; without formulas there is none.
  window.addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    watch(document.querySelectorAll(BOXES));
  });
})();
