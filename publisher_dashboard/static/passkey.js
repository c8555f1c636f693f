/* Passkeys: hand the page's question to the browser, put its answer into the form, send it. Nothing is fetched. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const button = form.querySelector("button[type=submit]");
  const trouble = form.querySelector("[data-trouble]");
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) {
    trouble.hidden = false;
    trouble.textContent = "This browser knows no passkeys. Sign in with your password.";
    return;
  }
  button.disabled = false;
  const options = JSON.parse(form.dataset.options);
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    button.disabled = true;
    trouble.hidden = true;
    try {
      const made = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.credential.value = JSON.stringify(made.toJSON());
      form.submit();
    } catch (error) {
      button.disabled = false;
      trouble.hidden = false;
      trouble.textContent = error.name === "InvalidStateError"
        ? "This device is known here already."
        : "That did not work, or you stopped it. Try again.";
    }
  });
})();
