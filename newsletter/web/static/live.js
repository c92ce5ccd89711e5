// Of each page of the desk: its live parts, and the key that finds. An element with data-live asks that address for what
// has changed every data-every seconds (data-now: also at once), with the version that it shows. 204: nothing has. Tabs
// that nobody sees do not ask.
"use strict";

function replaceParts(live, page) {
  const fresh = document.createElement("template");
  fresh.innerHTML = page;
  for (const part of fresh.content.children) {
    const shown = part.id && document.getElementById(part.id);
    if (shown && live.contains(shown) && shown.innerHTML !== part.innerHTML) {
      const focus = shown.contains(document.activeElement) ? document.activeElement.id : "";
      shown.innerHTML = part.innerHTML;
      if (focus) {
        (document.getElementById(focus) || shown).focus();
      }
    }
  }
}

function watch(live) {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, Number(live.dataset.every) * 1000);
  };
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) {
      return; // visibilitychange begins again
    }
    try {
      const address = `${live.dataset.live}?version=${encodeURIComponent(live.dataset.version)}`;
      const answer = await fetch(address, { headers: { "HX-Request": "true" } });
      if (answer.status === 401) {
        live.insertAdjacentHTML("afterbegin", await answer.text());
        return; // signed out: what is shown stays
      }
      if (answer.status === 200) {
        replaceParts(live, await answer.text());
        live.dataset.version = answer.headers.get("X-Page-Version");
      }
    } catch {
      // no connection: the next time may have one
    }
    later();
  };
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : ask());
  if (live.hasAttribute("data-now")) {
    ask();
  } else {
    later();
  }
}

// "/" goes to the search of the page, or else to that of the masthead, unless somebody writes.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  const fields = [...document.querySelectorAll('[aria-keyshortcuts="/"]')];
  const field = fields.reverse().find((each) => each.checkVisibility());
  if (field) {
    event.preventDefault();
    field.focus();
  }
});

document.documentElement.classList.add("scripted");
document.querySelectorAll("[data-live]").forEach(watch);
