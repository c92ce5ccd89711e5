// The list of stories by keys, while one of its headlines has the focus: Enter opens it, as every link.
"use strict";

const list = document.querySelector(".titles.stories");
for (const hint of document.querySelectorAll("[data-keys]")) {
  hint.hidden = false;
}
list?.addEventListener("keydown", (event) => {
  const links = [...list.querySelectorAll("tbody th a")];
  const at = links.indexOf(event.target);
  if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") {
    links[at + (key === "j" ? 1 : -1)]?.focus();
  } else if (key === "a") {
    event.target.closest("tr").querySelector("[name=slug]")?.click();
  } else if (key === "/") {
    document.getElementById("q").focus();
  } else {
    return;
  }
  event.preventDefault();
});
