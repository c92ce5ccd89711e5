// The editor of a story: saves while somebody writes, keeps in the browser what is not saved yet, renews the preview,
// and adds, moves and takes out rows without a new page. The form works without all of this.
//
// What is not saved stands in localStorage under "story:<person>:<path>:<key>", where the key is random for each page
// that was opened. A page holds a lock of that name. So a page that is opened later takes over what a closed one left,
// and leaves alone what another tab is still writing.
"use strict";

const PREFIX = "story:";
const PAUSE = 200; // milliseconds without a key after which the draft is saved
const AGAIN = 3000; // milliseconds after which a save that failed is tried again
const PRESENCE = 20000;

for (const element of document.querySelectorAll("[data-drop-kept]")) {
  const drop = () => dropWhere((name) => name.endsWith(`:${element.dataset.dropKept}`));
  element.addEventListener(element.tagName === "FORM" ? "submit" : "click", drop);
}
for (const leave of document.querySelectorAll('form[action$="/sign-out"]')) {
  leave.addEventListener("submit", () => dropWhere(() => true));
}

function dropWhere(fits) {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(PREFIX) && fits(name)) {
      localStorage.removeItem(name);
    }
  }
}

const story = document.getElementById("story");
if (story) {
  edit(story);
}

function edit(form) {
  const said = document.getElementById("words").dataset;
  const line = document.getElementById("saved");
  const frame = document.getElementById("preview");
  const atFirst = line.textContent;
  const own = new Set(["form_token", "key", "version"]);
  let saved = serialize(); // what the desk has
  let saving = null; // the save on its way
  let failedAt = ""; // since when saving fails
  let savedAt = 0;
  let pause = 0;
  let mayLeave = false;
  let isChangedElsewhere = false;

  function pairs() {
    return [...new FormData(form)].filter(([name, value]) => !own.has(name) && typeof value === "string");
  }

  function serialize() {
    return JSON.stringify(pairs());
  }

  // Keeping in this browser

  function keptName() {
    return `${PREFIX}${form.dataset.member}:${form.getAttribute("action")}:${form.elements.key.value}`;
  }

  function keep() {
    try {
      localStorage.setItem(keptName(), JSON.stringify({ pairs: pairs(), version: form.elements.version.value }));
    } catch {
      // No room or no storage: the page itself still has the words.
    }
  }

  function hold() {
    if (navigator.locks) {
      navigator.locks.request(keptName(), () => new Promise(() => {}));
    }
  }

  async function isFree(name) {
    return !navigator.locks || navigator.locks.request(name, { ifAvailable: true }, (lock) => lock !== null);
  }

  async function takeOver() {
    const mine = `${PREFIX}${form.dataset.member}:`;
    dropWhere((name) => !name.startsWith(mine));
    for (const name of Object.keys(localStorage)) {
      const left = JSON.parse(localStorage.getItem(name));
      if (JSON.stringify(left.pairs) === saved) {
        localStorage.removeItem(name); // also what was left of a draft that is gone, and is kept in this one
        continue;
      }
      if (!name.startsWith(`${mine}${form.getAttribute("action")}:`) || !(await isFree(name))) {
        continue;
      }
      form.elements.key.value = name.slice(name.lastIndexOf(":") + 1);
      form.elements.version.value = left.version;
      fill(left.pairs);
      document.getElementById("heard").textContent = said.restored;
      hold();
      changed();
      return;
    }
    hold();
  }

  function fill(entries) {
    const rows = { points: entries.filter(([name]) => name === "point").length };
    rows.sources = entries.filter(([name]) => name === "source_title").length;
    for (const [id, count] of Object.entries(rows)) {
      const list = document.getElementById(id);
      while (list.children.length > count) {
        list.lastElementChild.remove();
      }
      while (list.children.length < count) {
        addRow(list, list.lastElementChild);
      }
    }
    const values = new Map();
    for (const [name, value] of entries) {
      values.set(name, [...(values.get(name) || []), value]);
    }
    for (const field of form.elements) {
      if (!field.name || own.has(field.name) || field.type === "submit") {
        continue;
      }
      if (field.type === "checkbox" || field.type === "radio") {
        field.checked = (values.get(field.name) || []).includes(field.value);
      } else if (values.has(field.name)) {
        field.value = values.get(field.name).shift() ?? "";
      }
    }
  }

  // Saving

  function changed() {
    count();
    drawScales();
    if (!hasUnsaved()) {
      settle();
      return;
    }
    keep();
    if (!failedAt && !isChangedElsewhere) {
      say(said.writing);
    }
    clearTimeout(pause);
    pause = setTimeout(save, PAUSE);
  }

  // What stands here is what the desk has, also when it was not so before.
  function settle() {
    failedAt = "";
    localStorage.removeItem(keptName());
    if (savedAt) {
      tick();
    } else {
      say(atFirst);
    }
  }

  function hasUnsaved() {
    return saving !== null || serialize() !== saved;
  }

  // Resolves to whether all that stands in the form is saved.
  async function save() {
    clearTimeout(pause);
    while (saving) {
      await saving;
    }
    if (isChangedElsewhere) {
      return false;
    }
    if (!hasUnsaved() && form.elements.version.value !== "0") {
      settle();
      return true;
    }
    saving = send();
    const isSaved = await saving;
    saving = null;
    if (isSaved && hasUnsaved()) {
      pause = setTimeout(save, PAUSE);
    }
    return isSaved;
  }

  async function send() {
    const sent = serialize();
    const request = { method: "POST", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15000) };
    let answer;
    try {
      answer = await fetch(form.action, { ...request, body: new URLSearchParams(new FormData(form)) });
    } catch {
      return failed(() => warn(said.notSaved, put(said.offline, { t: failedAt })));
    }
    if (answer.ok) {
      return received(await answer.json(), sent);
    }
    if (answer.status === 401) {
      return failed(sayEnded);
    }
    if (answer.status === 409) {
      const { by } = await answer.json();
      const who = put(by.name ? said.byOther : said.byYou, { name: by.name, t: by.time });
      return elsewhere(said.changed, `${who} `, leaving(said.compare), ` ${said.choose}`);
    }
    if (answer.status === 410) {
      const keep = leaving(said.keepAnew);
      keep.setAttribute("formaction", (await answer.json()).keep);
      form.elements.version.value = "0"; // of none: there may be another draft by now
      return elsewhere(said.gone, `${said.wasDone} `, keep, `; ${said.nothingLost}`);
    }
    const why = answer.status === 413 ? said.tooLong : said.refused;
    return failed(() => warn(said.notSaved, put(why, { t: failedAt, n: answer.status })));
  }

  function received(answer, sent) {
    localStorage.removeItem(keptName());
    saved = sent;
    failedAt = "";
    savedAt = Date.now();
    form.elements.version.value = answer.version;
    if (form.getAttribute("action") !== answer.path) {
      form.setAttribute("action", answer.path);
      Object.assign(form.dataset, { publish: answer.publish, preview: answer.preview, presence: answer.presence });
      document.getElementById("publish")?.setAttribute("formaction", answer.publish);
      history.replaceState(null, "", answer.path);
      hold();
    }
    if (serialize() !== saved) {
      keep();
    }
    tick();
    document.getElementById("trust-sum").innerHTML = answer.trust;
    const difference = document.getElementById("changed");
    if (difference) {
      difference.innerHTML = answer.changed;
    }
    renewPreview(answer.version);
    return true;
  }

  function renewPreview(version) {
    const address = `${form.dataset.preview}?version=${version}${place()}`;
    document.getElementById("preview-page").setAttribute("href", form.dataset.preview);
    if (frame.getAttribute("src")) {
      frame.contentWindow.location.replace(address); // no step in the browser's history
      return;
    }
    frame.src = address;
    frame.parentElement.hidden = false;
    document.getElementById("preview-page").hidden = false;
    document.getElementById("no-preview")?.remove();
  }

  // The part of the page that is being written: the frame opens there.
  function place() {
    const field = document.activeElement;
    if (field === form.elements.body) {
      return `&block=${field.value.slice(0, field.selectionStart).split(/\n\s*\n/).length}#here`;
    }
    const row = field?.closest("#points, #sources");
    return row ? { points: "#tldr", sources: "#sources" }[row.id] : "";
  }

  function failed(sayIt) {
    failedAt = failedAt || new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    sayIt();
    clearTimeout(pause);
    pause = setTimeout(save, AGAIN);
    return false;
  }

  // Somebody else decides from here: no save is tried any more.
  function elsewhere(...words) {
    isChangedElsewhere = true;
    keep();
    warn(...words);
    return false;
  }

  // A button that sends the form as it stands, to a page that goes on with it.
  function leaving(words) {
    const button = document.createElement("button");
    button.className = "word";
    button.textContent = words;
    button.setAttribute("form", "story");
    button.addEventListener("click", () => {
      mayLeave = true;
    });
    return button;
  }

  function sayEnded() {
    const link = document.createElement("a");
    link.href = form.dataset.signIn;
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = said.signIn;
    warn(said.signedOut, `${put(said.ended, { t: failedAt })} `, link, `; ${said.nothingLost}`);
  }

  // The saved line

  function put(text, values) {
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  function say(...parts) {
    const before = line.textContent;
    const box = document.createElement("p");
    box.append(...parts);
    if (before !== box.textContent) {
      line.replaceChildren(...box.childNodes);
    }
  }

  function warn(word, ...parts) {
    const pill = document.createElement("span");
    pill.className = "pill care";
    pill.textContent = word;
    say(pill, " ", ...parts);
  }

  function tick() {
    if (!savedAt || failedAt || isChangedElsewhere || serialize() !== saved) {
      return;
    }
    const seconds = Math.round((Date.now() - savedAt) / 1000);
    line.setAttribute("aria-live", seconds ? "off" : "polite"); // the time that goes by is not worth hearing
    const minutes = Math.round(seconds / 60);
    const words = seconds < 2 ? said.justSaved : seconds < 90 ? said.saved : said.savedLong;
    say(put(words, { n: seconds < 90 ? seconds : minutes }));
  }

  // The lines beside the points of trust, as the desk draws them.
  function drawScales() {
    for (const field of form.querySelectorAll("[data-most]")) {
      const part = Math.min(Math.max(Number(field.value) || 0, 0) / field.dataset.most, 1);
      for (const end of field.closest("tr").querySelectorAll(".to, .at")) {
        end.setAttribute("x2", `${100 * part}%`);
        if (end.matches(".at")) {
          end.setAttribute("x1", `${100 * part}%`);
        }
      }
    }
  }

  function count() {
    for (const place of form.querySelectorAll("[data-count]")) {
      place.textContent = put(said.characters, { n: form.elements[place.dataset.count].value.length });
    }
    for (const place of form.querySelectorAll("[data-words]")) {
      const words = form.elements[place.dataset.words].value.match(/\S+/g) || [];
      place.textContent = put(said.words, { n: words.length });
    }
  }

  // Rows

  function addRow(list, after) {
    const row = document.getElementById(`${list.id}-row`).content.firstElementChild.cloneNode(true);
    if (after) {
      after.after(row);
    } else {
      list.append(row);
    }
    renumber(list);
    return row;
  }

  function renumber(list) {
    const kind = list.id.slice(0, -1);
    [...list.children].forEach((row, index) => {
      const number = index + 1;
      row.id = `${kind}-${number}`;
      row.querySelector(".n").textContent = kind === "source" ? String(number).padStart(2, "0") : number;
      for (const field of row.querySelectorAll("[aria-label]")) {
        field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+$/, number));
      }
      for (const button of row.querySelectorAll("[name=do]")) {
        button.value = button.value.replace(/\d+$/, number);
        const name = button.querySelector(".out");
        name.textContent = name.textContent.replace(/\d+$/, number);
      }
    });
  }

  // Does what a button of the rows says.
  function changeRows(what) {
    const [action, kind, number] = what.split("-");
    const list = document.getElementById(`${kind}s`);
    let row = list.children[Number(number) - 1];
    if (action === "add") {
      row = addRow(list, row || list.lastElementChild);
    } else if (action === "out") {
      const next = row.nextElementSibling || row.previousElementSibling;
      row.remove();
      row = next;
    } else if (action === "up") {
      row.previousElementSibling?.before(row);
    } else {
      row.nextElementSibling?.after(row);
    }
    renumber(list);
    (row?.querySelector("textarea, input") || form.querySelector(`[value=add-${kind}]`)).focus();
    if (action === "up" || action === "down") {
      const place = [...list.children].indexOf(row) + 1;
      document.getElementById("heard").textContent = put(said.place, { n: place, m: list.children.length });
    }
    changed();
  }

  // Events

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (mayLeave) {
      return;
    }
    if (button?.name === "do") {
      event.preventDefault();
      changeRows(button.value);
      return;
    }
    const leaves = button?.hasAttribute("formaction");
    if (leaves && !hasUnsaved()) {
      return; // by itself: while the event lasts, requestSubmit does nothing
    }
    event.preventDefault();
    if ((await save()) && leaves) {
      mayLeave = true;
      form.requestSubmit(button);
    }
  });
  form.addEventListener("keydown", (event) => {
    const row = event.target.closest("#points > li, #sources > li");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.getElementById("publish")?.click();
    } else if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      save();
    } else if (event.key === "Enter" && event.target.matches(".title, .dek")) {
      event.preventDefault(); // one line each
    } else if (event.key === "Enter" && !event.shiftKey && event.target.name === "point") {
      event.preventDefault();
      changeRows(row.querySelector("[name=do]").value.replace("up-", "add-"));
    } else if (row && event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      changeRows(row.querySelector("[name=do]").value.replace("up-", event.key === "ArrowUp" ? "up-" : "down-"));
    }
  });
  for (const name of ["online", "focus"]) {
    window.addEventListener(name, () => failedAt && save());
  }

  function pageKey(more = {}) {
    const { form_token: token, key } = form.elements;
    return new URLSearchParams({ form_token: token.value, key: key.value, ...more });
  }

  async function present() {
    if (document.hidden || !form.dataset.presence || failedAt) {
      return;
    }
    try {
      const answer = await fetch(form.dataset.presence, { method: "POST", body: pageKey(), redirect: "manual" });
      if (answer.ok) {
        const { others } = await answer.json();
        document.getElementById("others").innerHTML = others;
      }
    } catch {
      // The next save says so.
    }
  }

  window.addEventListener("pagehide", () => {
    if (form.dataset.presence) {
      navigator.sendBeacon(form.dataset.presence, pageKey({ closed: "yes" }));
    }
  });
  window.addEventListener("pageshow", (event) => event.persisted && present());

  // After a refusal to publish the address is the button's, which cannot be opened again.
  history.replaceState(null, "", form.action + location.hash);
  for (const hint of form.querySelectorAll("[data-keys]")) {
    hint.hidden = false;
  }
  count();
  takeOver();
  present();
  setInterval(present, PRESENCE);
  setInterval(tick, 1000);
}
