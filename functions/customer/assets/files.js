// Sends several files to the bucket, with progress. Without this script, the form sends one file.
(() => {
  "use strict";
  const form = document.getElementById("upload");
  if (!form || !window.fetch || !window.FormData) return;
  const said = form.dataset;
  const field = document.getElementById("file");
  const button = form.querySelector("button");
  const queue = document.getElementById("queue");
  const told = document.getElementById("told");
  const mostBytes = Number(said.mostBytes);

  field.multiple = true;
  document.getElementById("how-many").textContent = said.many;

  const words = (text, name, percent) =>
    text.replace("{name}", () => name).replace("{percent}", () => percent);
  const tell = (text) => { told.textContent = text; };

  // Why a file cannot be sent, in words; "" if it can.
  const limit = (file) => {
    if (file.size > mostBytes) return words(said.large, file.name);
    return file.size === 0 ? words(said.empty, file.name) : "";
  };

  const check = () => {
    const files = [...field.files];
    const found = files.map(limit).find(Boolean) || (files.length > Number(said.mostFiles) ? said.toomany : "");
    field.setCustomValidity(found);
    return !found;
  };
  field.addEventListener("change", () => { tell(""); if (!check()) field.reportValidity(); });

  // A line of the queue: name, progress, and a button that cancels.
  const line = (file) => {
    const item = document.createElement("li");
    const name = document.createElement("p");
    const bar = document.createElement("progress");
    const state = document.createElement("p");
    const cancel = document.createElement("button");
    name.className = "name";
    name.append(Object.assign(document.createElement("bdi"), { textContent: file.name }));
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    state.className = "state";
    state.textContent = said.waiting;
    cancel.type = "button";
    cancel.className = "second small";
    cancel.textContent = words(said.cancel, "").trim();
    cancel.setAttribute("aria-label", words(said.cancel, file.name));
    item.append(name, bar, state, cancel);
    queue.append(item);
    const end = (kind, text) => {
      if (!cancel.isConnected) return;
      const focused = document.activeElement === cancel;
      item.className = kind;
      bar.remove();
      cancel.remove();
      state.textContent = text;
      tell(text);
      if (focused) told.focus();
    };
    return { bar, state, cancel, end };
  };

  class Refused extends Error {}

  // The permission to put one file into the bucket. Throws Refused, with words, if there is none.
  const ask = async (file, signal) => {
    const answer = await fetch(said.uploads, {
      method: "POST",
      headers: { "Authorization": `Bearer ${said.token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ name: file.name, size: file.size, ...(said.item ? { item: said.item } : {}) }),
      signal,
    });
    if (answer.ok) return answer.json();
    if (answer.status >= 500 || answer.status === 429) throw new Error(answer.status);
    throw new Refused(words(said.refused, file.name));
  };

  const put = (upload, file, shown, signal) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const [name, value] of Object.entries(upload.fields)) body.append(name, value);
    body.append("file", file); // the last field: the bucket ignores what comes behind it
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const percent = Math.floor(100 * event.loaded / event.total);
      shown.bar.value = percent;
      shown.state.textContent = words(said.progress, file.name, percent);
    });
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      // The permission has ended, or the file is too large by now.
      else if (request.status < 500) reject(new Refused(words(said.refused, file.name)));
      else reject(new Error(request.status));
    });
    request.addEventListener("error", () => reject(new Error("network")));
    request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", upload.url);
    request.send(body);
  });

  // Whether the file was sent.
  const send = async (file, shown, cancelling) => {
    try {
      cancelling.signal.throwIfAborted();
      tell(words(said.sending, file.name));
      const given = await ask(file, cancelling.signal);
      await put(given.upload, file, shown, cancelling.signal);
    } catch (error) {
      if (cancelling.signal.aborted) return false; // its button has said so
      if (error instanceof Refused) shown.end("refused", error.message);
      else shown.end("refused", words(said.failed, file.name));
      return false;
    }
    shown.end("held", words(said.done, file.name));
    return true;
  };

  const list = () => document.getElementById("list");

  // Shows the files that have arrived, which takes some seconds.
  const refresh = async (expected) => {
    for (let tries = 0; tries < 10 && list().querySelectorAll("li").length < expected; tries += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 3000); });
      try {
        const page = await (await fetch(location.href)).text();
        const found = new DOMParser().parseFromString(page, "text/html");
        for (const name of ["list", "left"]) {
          const shown = found.getElementById(name);
          if (shown) document.getElementById(name).replaceWith(shown);
        }
        const next = found.getElementById("upload");
        if (!next) location.reload(); // the request takes no more files
        else said.mostFiles = next.dataset.mostFiles;
      } catch { /* The next try may succeed; reloading the page shows the list in any case. */ }
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!check()) { field.reportValidity(); return; }
    const waiting = [...field.files].map((file) => {
      const shown = line(file), cancelling = new AbortController();
      shown.cancel.addEventListener("click", () => {
        cancelling.abort();
        shown.end("withdrawn", words(said.cancelled, file.name));
      });
      return { file, shown, cancelling };
    });
    const before = list().querySelectorAll("li").length;
    let sent = 0;
    form.reset();
    button.disabled = true;
    for (const { file, shown, cancelling } of waiting) {
      if (await send(file, shown, cancelling)) sent += 1;
    }
    button.disabled = false;
    if (sent) {
      if (sent === waiting.length) tell(said.all);
      await refresh(before + sent);
    }
  });
})();
