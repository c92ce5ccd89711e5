// A list by keys: J and K go from row to row, a letter presses the row's button of that data-key. Only while a row has
// the focus.
"use strict";

(() => {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    const row = event.target.closest("[data-keys] tbody tr, [data-keys] > li");
    if (!row) return;
    const key = event.key.toLowerCase();
    const other = { j: row.nextElementSibling, k: row.previousElementSibling }[key];
    if (other) other.querySelector("a").focus();
    else if (/^[a-z]$/.test(key)) row.querySelector(`[data-key="${key}"]`)?.click();
  });
})();
