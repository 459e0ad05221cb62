// Make a passkey, and use one: the browser asks the person, the answer goes into the form and the form is sent.
"use strict";

(() => {
  const toBytes = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };
  const toText = (buffer) => {
    const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
    return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const withBytes = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

  const make = (options) => navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    },
  });
  const use = (options) => navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    },
  });

  const written = (credential) => {
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = toText(credential.response[part]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    });
  };

  const start = (form) => {
    const button = form.querySelector("[data-passkey-button]");
    const said = form.querySelector("[data-passkey-said]");
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      said.textContent = form.dataset.cannot;
      return;
    }
    form.addEventListener("submit", async (event) => {
      const field = form.elements.credential;
      if (field.value) return;
      event.preventDefault();
      button.disabled = true;
      said.textContent = "";
      try {
        const asked = JSON.parse(document.getElementById("passkey-options").textContent).publicKey;
        field.value = written(await (form.dataset.passkey === "make" ? make(asked) : use(asked)));
        form.submit();
      } catch (error) {
        button.disabled = false;
        said.textContent = error.name === "InvalidStateError" ? form.dataset.already : form.dataset.failed;
      }
    });
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) start(form);
})();
