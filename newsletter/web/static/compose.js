// The composer: forms are sent without leaving the page, stories move by keys and by dragging, words are saved while they
// are typed. Each form works without this script. The answer to a form is the page again: its parts marked `data-part`
// take the places of those that are shown.
"use strict";

(() => {
  const SAVE_AFTER = 400; // milliseconds without a key
  const TRY_AGAIN_AFTER = 5000;
  const root = document.getElementById("composer");
  const said = document.getElementById("said");
  const texts = document.getElementById("texts");
  // Without this script all fields belong to the form of the buttons, which save them; with it, to the one around them.
  const takeApart = (page) => page.querySelectorAll("form [form]").forEach((each) => each.removeAttribute("form"));
  takeApart(root);
  const frame = document.getElementById("frame");
  const view = document.getElementById("view");

  // One request after the other: each names the version that the one before led to.
  let line = Promise.resolve();
  const inLine = (work) => (line = line.then(work, work));

  // ---- The page in parts

  let isDragging = false;

  // Each part as the server sent it: what did not change stays, with focus and all.
  const sent = new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part.innerHTML]));

  // A dek that is being written stays where it was, in the page that comes.
  function writtenDek(part) {
    const form = part.querySelector("#dek:not([hidden])");
    const field = form?.elements.dek;
    if (!field || field.value === field.defaultValue) return null;
    return { slug: form.elements.slug.value, text: field.value, hasFocus: form.contains(document.activeElement) };
  }

  function focusIn(part) {
    const active = document.activeElement;
    if (!part.contains(active)) return null;
    const item = active.closest("[data-slug]");
    return { slug: item?.dataset.slug, list: item?.parentElement, isGrip: active.classList.contains("grip") };
  }

  function refocus(part, before, follow) {
    const slug = follow ?? before?.slug;
    if (!before && !follow) return;
    const items = [...part.querySelectorAll("[data-slug]")];
    const item = items.find((each) => each.dataset.slug === slug) ?? items[Math.min(before?.index ?? 0, items.length - 1)];
    if (!item) return;
    (before?.isGrip ? item.querySelector(".grip") : item)?.focus();
  }

  function take(answer, { follow, force } = {}) {
    const page = new DOMParser().parseFromString(answer, "text/html");
    const fresh = page.getElementById("composer");
    if (!fresh) return null;
    takeApart(fresh);
    if (force) sent.delete("stories");
    for (const part of root.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other || sent.get(part.dataset.part) === other.innerHTML) continue;
      if (isDragging && part.dataset.part === "stories") continue; // the story in hand would be gone
      sent.set(part.dataset.part, other.innerHTML);
      const dek = force ? null : writtenDek(part);
      const before = focusIn(part);
      if (before?.slug) before.index = [...part.querySelectorAll("[data-slug]")].findIndex((each) => each.dataset.slug === before.slug);
      const chosen = part.dataset.part === "options" ? document.getElementById("edition").value : null;
      part.replaceChildren(...document.adoptNode(other).childNodes);
      if (chosen !== null) document.getElementById("edition").value = chosen;
      if (before) refocus(part, before, follow);
      if (dek && document.getElementById(`story-${dek.slug}`)) {
        const field = openDek(dek.slug);
        field.value = dek.text;
        if (!dek.hasFocus && before) refocus(part, before, follow);
      }
    }
    root.dataset.version = fresh.dataset.version;
    if (isDirty) note(trouble || "writing"); // what came says when the words were saved before
    for (const field of document.getElementsByName("version")) field.value = fresh.dataset.version;
    prepare();
    return fresh;
  }

  function tell(words) {
    if (!words) return;
    said.textContent = "";
    // A live region speaks what changes: the same words twice are a change only in this way.
    requestAnimationFrame(() => (said.textContent = words));
  }

  // The name of what keeps words from being saved; "" while nothing does.
  let trouble = "";

  function note(name) {
    trouble = name === "saving" ? "" : name;
    const saved = document.getElementById("saved");
    if (saved?.dataset[name]) saved.textContent = saved.dataset[name];
  }

  // ---- Moves

  let isWaiting = false; // a move for a connection

  async function ask(values) {
    for (;;) {
      const body = new URLSearchParams(values);
      body.set("version", root.dataset.version);
      try {
        const answer = await fetch(root.dataset.here, { method: "POST", body, headers: { "HX-Request": "true" } });
        isWaiting = false;
        return answer;
      } catch (error) {
        if (values.do === "texts") throw error; // `save` tries again, with the words that stand there by then
      }
      isWaiting = true;
      note("offline");
      await new Promise((goOn) => {
        setTimeout(goOn, TRY_AGAIN_AFTER);
        addEventListener("online", goOn, { once: true });
      });
    }
  }

  // After a sign-out and a new sign-in in another tab the forms of this page have an old token. Resolves to the new one;
  // to undefined where it is none, or another person's.
  async function renewToken() {
    const answer = await fetch(root.dataset.here, { headers: { "HX-Request": "true" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = page.querySelector("#moves [name=form_token]")?.value;
    if (!token || page.getElementById("composer").dataset.member !== root.dataset.member) return undefined;
    for (const field of document.getElementsByName("form_token")) field.value = token;
    return token;
  }

  async function post(values, options = {}) {
    note("saving");
    sent.delete("saved");
    let answer = await ask(values);
    const token = answer.status === 403 && (await renewToken());
    if (token) answer = await ask({ ...values, form_token: token });
    if (answer.status === 401) {
      note("out");
      return false;
    }
    if (answer.ok) options.kept?.();
    const shown = take(await answer.text(), options);
    if (!shown) {
      if (isDirty || writtenDek(root)) note(answer.status < 500 ? "refused" : "failing");
      else location.reload();
      return false;
    }
    tell(answer.ok ? shown.dataset.said : root.querySelector('[data-part="failure"]').textContent.trim());
    if (answer.ok) count("editions");
    show();
    times = 0;
    askLater();
    return answer.ok;
  }

  function send(values, options) {
    return inLine(() => post(values, options)).catch(() => {
      note("offline");
      return false;
    });
  }

  function valuesOf(form, button) {
    return Object.fromEntries(new FormData(form, button));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!["view", "search", "moves", "dek"].includes(form.id)) return;
    event.preventDefault();
    if (form.id === "view") show();
    else if (form.id === "search") search();
    else {
      const isDek = form.id === "dek";
      send(valuesOf(form, event.submitter), { force: isDek, follow: isDek ? form.elements.slug.value : undefined });
    }
  });

  function putAt(slug, position) {
    const values = { ...valuesOf(document.getElementById("moves")), do: `place/${slug}`, position };
    return send(values, { follow: slug });
  }

  function move(item, position) {
    const items = [...item.parentElement.children];
    if (position < 1 || position > items.length || items.indexOf(item) === position - 1) return;
    // At once where it goes: nobody waits for the answer.
    sent.delete("stories");
    if (position - 1 > items.indexOf(item)) items[position - 1].after(item);
    else items[position - 1].before(item);
    putAt(item.dataset.slug, position);
  }

  // ---- Keys: only while a story of a list, or its grip, has the focus

  root.addEventListener("keydown", (event) => {
    const item = event.target.closest("[data-slug]");
    const isGrip = event.target.classList.contains("grip");
    if (!item || (event.target !== item && !isGrip) || event.ctrlKey || event.metaKey) return;
    const isStory = item.parentElement.classList.contains("items");
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step && isStory && (event.altKey || isGrip)) {
      const position = [...item.parentElement.children].indexOf(item) + 1 + step;
      event.preventDefault();
      move(item, position);
      (isGrip ? event.target : item).focus();
      return;
    }
    if (event.altKey || isGrip) return;
    const key = event.key.toLowerCase();
    if (/^[a-z]$/.test(key) && !root.hasAttribute("data-letters")) return; // turned off at the account
    if (key === "j" || key === "k") stepFrom(item, key === "j" ? 1 : -1);
    else if (isStory && key === "x") press(item, "drop");
    else if (isStory && key === "d") goToDek(item.dataset.slug);
    else if (!isStory && key === " ") press(item, "add");
    else return;
    event.preventDefault();
  });

  function stepFrom(item, step) {
    const scope = item.closest("[data-part]");
    const items = [...scope.querySelectorAll(item.parentElement.classList.contains("items") ? ".items > li" : ".cands > li[data-slug]")];
    items[items.indexOf(item) + step]?.focus();
  }

  function press(item, name) {
    item.querySelector(`button[value^="${name}/"]`)?.click();
  }

  // The dek's form is one: it goes into the story that it is opened in.
  function openDek(slug) {
    const item = document.getElementById(`story-${slug}`);
    const form = document.getElementById("dek");
    const field = form.elements.dek;
    if (form.hidden || form.elements.slug.value !== slug) {
      form.elements.slug.value = slug;
      field.defaultValue = field.value = item.dataset.dek;
      item.firstElementChild.append(form);
      form.hidden = false;
    }
    field.focus();
    return field;
  }

  // There is one field: what was written in it for another story is kept first.
  async function goToDek(slug) {
    const form = document.getElementById("dek");
    const written = writtenDek(root);
    if (written && written.slug !== slug && !(await send({ ...valuesOf(form), do: "dek" }, { force: true }))) return;
    openDek(slug);
  }

  root.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    if (link.dataset.opens) {
      event.preventDefault();
      goToDek(link.dataset.opens);
    } else if (link.dataset.edition) {
      event.preventDefault();
      document.getElementById("edition").value = link.dataset.edition;
      show();
      document.getElementById("preview").scrollIntoView({ block: "nearest" });
    } else if (link.hasAttribute("data-clear")) {
      event.preventDefault();
      document.getElementById("q").value = "";
      search();
    }
  });

  // ---- Dragging

  function prepare() {
    for (const list of root.querySelectorAll(".items")) {
      if (list.dataset.sorts || !window.Sortable) continue;
      list.dataset.sorts = "yes";
      let from;
      window.Sortable.create(list, {
        handle: ".grip",
        draggable: "li",
        ghostClass: "held",
        onStart: (event) => {
          isDragging = true;
          from = event.oldDraggableIndex;
          sent.delete("stories");
        },
        onEnd: (event) => {
          isDragging = false;
          // Put back where it was, it brings what came meanwhile.
          if (event.newDraggableIndex === from) fetchParts("");
          else putAt(event.item.dataset.slug, event.newDraggableIndex + 1);
        },
      });
    }
    // A list is entered at its first story.
    for (const list of root.querySelectorAll(".items, .cands")) {
      const items = [...list.querySelectorAll(":scope > li[data-slug]")];
      if (items.length && !items.some((each) => each.tabIndex === 0)) items[0].tabIndex = 0;
    }
  }

  root.addEventListener("focusin", (event) => {
    const item = event.target.closest("li[data-slug]");
    if (!item || event.target !== item) return;
    for (const each of item.parentElement.children) each.tabIndex = each === item ? 0 : -1;
  });

  // ---- Words are saved while they are typed

  let timer;
  let isDirty = false;
  let number = 0;

  function save() {
    clearTimeout(timer);
    const ours = ++number;
    const kept = () => (isDirty = ours !== number);
    return inLine(() => post({ ...valuesOf(texts), do: "texts" }, { kept }))
      .catch(() => note("offline"))
      .then(() => {
        if (isDirty && ["offline", "failing"].includes(trouble)) timer = setTimeout(save, TRY_AGAIN_AFTER);
      });
  }

  texts?.addEventListener("input", () => {
    isDirty = true;
    number++;
    note("writing");
    clearTimeout(timer);
    timer = setTimeout(save, SAVE_AFTER);
  });
  texts?.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  // One line each: Enter saves.
  texts?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id === "intro" || event.isComposing) return;
    event.preventDefault();
    save();
  });
  // A link that is followed right after the last key waits for the words. Where they cannot be saved, the browser asks.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[href]");
    const isPlain = !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!link || !isPlain || !isDirty || !["", "writing"].includes(trouble) || link.target || link.hash) return;
    event.preventDefault();
    await save();
    if (!isDirty) location.assign(link.href);
  });
  for (const name of ["online", "focus"]) {
    addEventListener(name, () => isDirty && ["offline", "failing", "out"].includes(trouble) && save());
  }
  addEventListener("beforeunload", (event) => (isDirty || isWaiting || writtenDek(root)) && event.preventDefault());

  // ---- Search, preview, counts

  let searching;
  document.getElementById("search")?.addEventListener("input", () => {
    clearTimeout(searching);
    searching = setTimeout(search, 300);
  });

  function search() {
    clearTimeout(searching);
    const here = new URL(root.dataset.here, location.href);
    const words = document.getElementById("q").value.trim();
    if (words) here.searchParams.set("q", words);
    else here.searchParams.delete("q");
    root.dataset.here = here.pathname + here.search;
    return fetchParts("");
  }

  // What comes later: the results of the links, and SpamAssassin's, which is asked when nobody writes.
  const ASK_LATER = { links: 3000, spam: 6000 };
  const MOST_ASKED = 20;
  let asking;
  let times = 0;

  function askLater() {
    clearTimeout(asking);
    const what = Object.keys(ASK_LATER).find((name) => root.querySelector(`[data-count="${name}"]`));
    if (!what || times >= MOST_ASKED || document.hidden) return;
    asking = setTimeout(async () => {
      times++;
      await count(what);
      askLater();
    }, ASK_LATER[what]);
  }

  document.addEventListener("visibilitychange", askLater);

  async function fetchParts(what) {
    const address = new URL(root.dataset.here, location.href);
    if (what) address.searchParams.set("count", what);
    const asked = root.dataset.version;
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" } });
      // What was asked for before a move shows an older state: the move's own answer is newer.
      const page = answer.ok ? await answer.text() : "";
      if (page && asked === root.dataset.version) take(page);
    } catch {
      // It stays as it was; the next move shows it.
    }
  }

  const count = (what) => fetchParts(what);

  function show() {
    const wanted = new URLSearchParams(new FormData(view));
    for (const [name, value] of [...wanted]) if (!value || value === "0") wanted.delete(name);
    const address = `${frame.dataset.path}?${wanted}`;
    frame.contentWindow.location.replace(address); // no step in the browser's history
    document.getElementById("alone").href = address;
    const test = document.getElementById("test");
    if (test) test.href = `${test.dataset.path}?${wanted}`;
  }

  view.addEventListener("change", (event) => {
    const edition = view.elements.edition;
    const choices = view.querySelector("details");
    if (choices.contains(event.target)) edition.value = "chosen";
    if (edition.value === "chosen") choices.open = true;
    if (event.target.name !== "width" && event.target.name !== "scheme") show();
  });

  prepare();
  (async () => {
    await count("editions");
    if (root.querySelector('[data-count="corrections"]')) await count("corrections");
    askLater();
  })();
})();
