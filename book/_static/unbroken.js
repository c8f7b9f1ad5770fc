/* No line breaks between a formula and what is written close to it: "(x", "x," "n-th". */
for (const formula of document.querySelectorAll("span.math")) {
  const { previousSibling: before, nextSibling: after } = formula;
  const opening = before?.nodeType === Node.TEXT_NODE && /[([“‘]+$/.exec(before.data);
  const closing = after?.nodeType === Node.TEXT_NODE && /^[^\s—]{1,8}/.exec(after.data);
  if (opening || closing) {
    const whole = document.createElement("span");
    whole.className = "unbroken";
    formula.replaceWith(whole);
    if (opening) whole.append(before.splitText(opening.index));
    whole.append(formula);
    if (closing) {
      after.splitText(closing[0].length);
      whole.append(after);
    }
  }
}
