// Passkeys: the button of a form asks the browser for one, and sends the form with the answer.
// A form has data-passkey="create" or "get", data-options (where its options come from), and fields for the answer.
"use strict";

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const part = form.querySelector("[data-script]");
  const note = form.querySelector("[data-note]");
  const known = window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON;
  if (!known) {
    continue;
  }
  part.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    note.hidden = true;
    try {
      const answer = await fetch(form.dataset.options, { method: "POST", body: new FormData(form) });
      if (!answer.ok) {
        throw new Error(answer.status);
      }
      const { options, challenge } = await answer.json();
      const credential = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.querySelector("[data-challenge]").value = challenge;
      form.querySelector("[data-credential]").value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      note.hidden = false;
    }
  });
}
