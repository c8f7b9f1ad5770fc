/* The ledger's filter.  Without this script the page shows every row. */

"use strict";

(() => {
  const place = document.querySelector(".ledger-filter");
  const heads = [...document.querySelectorAll(".ledger-head")];
  if (!place || heads.length === 0) return;

  const NO_SOURCE = "none";
  const FILTERS = [
    { key: "documents", label: "Document", any: "any document" },
    { key: "verdict", label: "Verdict", any: "any verdict" },
    { key: "chapter", label: "Chapter", any: "any chapter" },
    { key: "status", label: "Status", any: "settled or open" },
  ];
  const WORDS = {
    [NO_SOURCE]: "in no document",
    convention: "holds under a convention",
  };

  const values = (head, key) => {
    const found = head.dataset[key].split(" ").filter(Boolean);
    return found.length ? found : [NO_SOURCE];
  };

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  const options = (filter) => {
    const known = new Set(heads.flatMap((head) => values(head, filter.key)));
    const words = (value) => WORDS[value] ?? value.replaceAll("_", " ");
    return [
      element("option", { value: "" }, filter.any),
      ...[...known].sort().map((value) => element("option", { value }, words(value))),
    ];
  };

  const selects = FILTERS.map((filter) =>
    element("select", { id: `ledger-by-${filter.key}` }, ...options(filter)),
  );
  const fields = selects.map((select, index) => {
    const label = element("label", { htmlFor: select.id }, FILTERS[index].label);
    return element("div", {}, label, select);
  });
  const everything = element("button", { type: "button" }, "Show all rows");
  const count = element("output");
  const found = element("div", { className: "ledger-found" }, count, everything);
  const form = element("form", {}, ...fields, found);
  form.setAttribute("aria-label", "Filter the rows of the ledger");

  const show = () => {
    const kept = heads.filter((head) =>
      selects.every(
        (select, index) =>
          !select.value || values(head, FILTERS[index].key).includes(select.value),
      ),
    );
    const visible = new Set(kept);
    for (const head of heads) head.closest(".ledger-row").hidden = !visible.has(head);
    for (const part of new Set(heads.map((head) => head.closest("section")))) {
      part.hidden = !part.querySelector(".ledger-row:not([hidden])");
    }
    count.textContent = kept.length
      ? `${kept.length} of ${heads.length} rows`
      : `No row of ${heads.length} fits; widen the filter.`;
  };

  const showAll = () => {
    form.reset();
    show();
  };

  // A link to a row must find it, whatever is chosen.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.closest("[hidden]")) {
      showAll();
      target.scrollIntoView();
    }
  };

  form.addEventListener("change", show);
  everything.addEventListener("click", showAll);
  window.addEventListener("hashchange", reveal);

  place.append(form);
  place.hidden = false;
  show();
})();
