// The page of a digest's time: offers the browser's own zone, and shows the time in all zones while it is typed.
"use strict";

for (const form of document.querySelectorAll("form[data-times]")) {
  const shown = form.querySelector("#times");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  form.elements.own_zone.value = own;
  let timer = 0;
  const ask = async () => {
    const fields = new FormData(form);
    fields.delete("form_token");
    try {
      const answer = await fetch(`${form.dataset.times}?${new URLSearchParams(fields)}`, { headers: { "HX-Request": "true" } });
      const page = await answer.text();
      if (answer.ok && shown.innerHTML !== page) {
        shown.innerHTML = page;
      }
    } catch {
      // no connection: pressing the button says what is wrong
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 200);
  });
  if (!shown.querySelector(".notice")) {
    ask();
  }
}
