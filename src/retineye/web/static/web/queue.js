// Keeps photographs in this browser until the server has them, and sends them in pieces, whatever the line does.
// The queue belongs to the person who is signed in: nobody else sees it, and signing out erases it.
"use strict";

(() => {
  const user = document.querySelector("meta[name=retineye-user]")?.content;
  if (!user) return;
  const words = JSON.parse(document.getElementById("line-words").textContent);
  const AT_ONCE = 2;
  const LEAST = 32 * 1024;
  const MOST = 2 * 1024 * 1024;
  const PATIENCE_MS = 90_000;
  const FORGET_MS = 7 * 24 * 3_600_000;
  const PAGES = "retineye-pages-";
  const LEAVES = "retineye-leaves";
  const items = new Map();
  const files = new Map();
  const live = new Map();
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("retineye-queue") : null;
  const queue = { user, items, live, words, online: true, kept: true, onChange: () => {}, onDone: () => "", onPieces: (item) => parted.add(item.page) };
  window.retineyeQueue = queue;
  let token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  let size = 4 * LEAST;

  // --- what is kept: the rows in one store, the files in another; without a store everything lives in this page alone
  const store = new Promise((resolve) => {
    try {
      const asked = indexedDB.open("retineye", 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("queue", { keyPath: "id" });
        asked.result.createObjectStore("files");
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => resolve(null);
    } catch { resolve(null); }
  });
  const act = async (names, work) => {
    const database = await store;
    if (!database) throw new Error("no store");
    return new Promise((resolve, reject) => {
      const change = database.transaction(names, "readwrite");
      const asked = work(...names.map((name) => change.objectStore(name)));
      change.oncomplete = () => resolve(asked?.result);
      change.onerror = change.onabort = () => reject(change.error);
    });
  };
  const keep = async (item, file) => {
    items.set(item.id, item);
    if (file) files.set(item.id, file);
    try {
      await act(["queue", "files"], (rows, kept) => { rows.put(item); if (file) kept.put(file, item.id); });
    } catch { queue.kept = false; }
    changed(true);
  };
  const drop = async (id) => {
    items.delete(id); files.delete(id); live.delete(id);
    await act(["queue", "files"], (rows, kept) => { rows.delete(id); kept.delete(id); }).catch(() => {});
    changed(true);
  };
  const load = async () => {
    const rows = await act(["queue"], (kept) => kept.getAll()).catch(() => { queue.kept = false; return null; });
    if (!rows) return;
    const mine = new Set();
    for (const row of rows) {
      if (row.user === user) { mine.add(row.id); if (!live.get(row.id)?.sending) items.set(row.id, row); }
      // Nobody came back for it.
      else if (Date.now() - row.at > FORGET_MS) await act(["queue", "files"], (kept, bytes) => { kept.delete(row.id); bytes.delete(row.id); });
    }
    for (const id of items.keys()) if (!mine.has(id) && queue.kept) { items.delete(id); live.delete(id); }
  };
  const file = async (id) => files.get(id) || act(["files"], (kept) => kept.get(id)).catch(() => null);
  queue.file = file;

  // --- telling the page, and the other tabs
  const changed = (tell) => {
    queue.onChange();
    show();
    if (tell) tabs?.postMessage("changed");
  };
  if (tabs) tabs.onmessage = async () => { await load(); changed(false); };

  const parted = new Set();
  const show = () => {
    const bar = document.getElementById("line");
    if (!bar) return;
    const here = document.querySelector("[data-exam]")?.dataset.exam;
    const waiting = [...items.values()].filter((item) => item.state === "waiting");
    const elsewhere = [...items.values()].filter((item) => item.exam !== here && item.state !== "waiting");
    const lines = [];
    if (!queue.online) lines.push(waiting.length ? words.offline_waiting.replace("%n", waiting.length) : words.offline);
    else if (waiting.some((item) => item.exam !== here)) lines.push(words.on_the_way.replace("%n", waiting.length));
    if (items.size && !queue.kept) lines.push(words.not_kept);
    const links = [...elsewhere.map((item) => item.page), ...parted].map((page) => [page, words.asks]);
    const kept = document.documentElement.dataset.kept;
    if (kept && !queue.online) lines.push(words.kept_at.replace("%t", new Date(kept).toLocaleTimeString([], { timeStyle: "short" })));
    else if (kept) links.push([location.pathname, words.load_anew]);
    const said = lines.join(" ") + links.length;
    bar.hidden = !lines.length && !links.length;
    bar.classList.toggle("is-cut", !queue.online);
    if (bar.dataset.said === said) return;
    bar.dataset.said = said;
    const place = bar.querySelector("[data-say]");
    place.textContent = lines.join(" ") + " ";
    for (const [href, text] of new Map(links)) {
      const link = document.createElement("a");
      link.href = href;
      link.textContent = text;
      place.append(link, " ");
    }
  };

  // --- asking the server
  const call = (method, address, body, headers = {}, moved = () => {}) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.timeout = PATIENCE_MS;
    for (const [name, value] of Object.entries({ "X-CSRFToken": token, "X-RetinEye-User": user, Accept: "application/json", ...headers })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => moved(event.loaded);
    request.onload = () => {
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      resolve({ status: request.status, said, offset: Number(request.getResponseHeader("Upload-Offset")), where: new URL(request.responseURL).pathname });
    };
    request.onerror = request.onabort = request.ontimeout = () => reject(new Error("line"));
    request.send(body);
  });
  // Whoever signed in again meanwhile has a new token; the one in this page is void.
  const renew = async () => {
    const page = new DOMParser().parseFromString(await (await fetch(location.href, { headers: { Accept: "text/html" } })).text(), "text/html");
    const found = page.querySelector("meta[name=retineye-user]")?.content === user && page.querySelector("[name=csrfmiddlewaretoken]");
    if (found) token = found.value;
    return Boolean(found);
  };
  const ask = async (method, address, body, headers, moved) => {
    let answer = await call(method, address, body, headers, moved);
    online(true);
    const mine = (got) => got.where === address && !(got.status === 403 && !got.said.code) && got.said.code !== "other_user" && got.status !== 401;
    if (!mine(answer) && (await renew().catch(() => { throw new Error("line"); }))) answer = await call(method, address, body, headers, moved);
    if (!mine(answer)) throw new Error("out");
    return answer;
  };
  const form = (fields) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
    return body;
  };

  const state = (item, change) => {
    live.set(item.id, { ...live.get(item.id), ...change });
    queue.onChange(item.id);
  };
  const settle = (item, change) => { live.delete(item.id); return keep({ ...item, ...change }); };

  const send = async (item) => {
    state(item, { sending: true });
    try {
      for (let round = 0; round < 3; round += 1) {
        const stop = item.remote ? null : await bring(item);
        const answer = stop || (await ask("POST", `${item.uploads}${item.id}/finish/`, form({ eye: item.eye, field: item.field, confirmed: item.answers })));
        if (await settled(item, answer, round === 2)) return true;
      }
    } catch (error) {
      if (!["line", "out"].includes(error.message)) throw error;
      state(item, { sending: false, lost: error.message === "out" ? words.signed_out : words.lost });
      online(error.message === "out");
      return false;
    }
    return true;
  };

  const bring = async (item) => {
    const bytes = await file(item.id);
    if (!bytes) return { status: 400, said: { sentence: words.gone } };
    const begun = await ask("POST", item.begin, form({ id: item.id, bytes: bytes.size, eye: item.eye, field: item.field, hint: item.hint, sha256: "" }));
    if (begun.status !== 201) return begun;
    state(item, { lost: "", part: begun.said.offset / Math.max(1, bytes.size) });
    for (let offset = begun.said.offset, wrong = 0; offset < bytes.size;) {
      const start = performance.now();
      const answer = await ask("PATCH", `${item.uploads}${item.id}/`, bytes.slice(offset, offset + size), { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" },
        (loaded) => state(item, { part: (offset + loaded) / bytes.size }));
      if (answer.status === 204) offset = answer.offset;
      else if (answer.said.code === "wrong_offset" && (wrong += 1) < 20) offset = answer.said.offset;
      else return answer;
      const took = performance.now() - start;
      size = took < 700 ? Math.min(MOST, size * 2) : took > 8000 ? Math.max(LEAST, size / 2) : size;
    }
    return null;
  };

  // True once nothing more is to be done without a person.
  const settled = async (item, { status, said }, last) => {
    if (status === 201 && said.html) {
      const refused = queue.onDone(item, said);
      if (refused) await settle(item, { state: "refused", sentence: refused });
      else await drop(item.id);
    } else if (said.pieces) {
      await drop(item.id);
      queue.onPieces(item, said);
      changed(false);
    } else if (said.ask) {
      await settle(item, { state: "asking", question: said.question, sentence: said.sentence, other: said.eye || "" });
    } else if (said.again && !last) {
      return false;
    } else {
      const sentence = said.sentence || (status === 413 ? words.too_large : status === 404 ? words.no_exam : words.server);
      await settle(item, { state: "refused", sentence, again: said.again ?? status >= 500 });
    }
    return true;
  };

  // --- one tab sends; where the line is down it tries again, first soon and then more seldom
  let busy = false;
  let hurry = false;
  let pauses = 0;
  let timer = 0;
  const next = () => [...items.values()].filter((item) => item.state === "waiting" && !live.get(item.id)?.sending).sort((one, other) => one.at - other.at)[0];
  const lane = async () => { for (let item = next(); item; item = next()) if (!(await send(item))) return false; return true; };
  const work = async () => {
    // The first one finds out whether there is a line; only then go two side by side.
    const first = next();
    if (first && !(await send(first))) return false;
    return (await Promise.all(Array.from({ length: AT_ONCE }, lane))).every(Boolean);
  };
  const pump = async () => {
    hurry = busy;
    if (busy) return;
    clearTimeout(timer);
    busy = true;
    try {
      const done = navigator.locks ? await navigator.locks.request("retineye-queue", { ifAvailable: true }, (mine) => (mine ? work() : false)) : await work();
      pauses = done ? 0 : pauses + 1;
    } finally { busy = false; }
    if (hurry) return pump();
    if (next()) timer = setTimeout(pump, Math.min(30_000, 3000 * 2 ** Math.min(pauses, 5)));
  };
  const online = (is) => {
    if (queue.online === is) return;
    queue.online = is;
    changed(false);
  };
  queue.pump = pump;
  window.addEventListener("online", () => { pauses = 0; online(true); pump(); });
  window.addEventListener("offline", () => online(false));

  // --- what the page of an exam does
  queue.add = async (item, bytes) => {
    await ready;
    // A browser may throw away what is kept unless it is asked not to.
    navigator.storage?.persist?.().catch(() => {});
    await keep({ user, at: Date.now() + items.size / 1000, answers: [], sentence: "", ...item }, bytes);
    if (item.state === "waiting") pump();
  };
  queue.change = async (item, change) => {
    await settle(item, { sentence: "", question: "", ...change });
    pump();
  };
  queue.again = (item) => (item.state === "waiting" ? pump() : queue.change(item, { state: "waiting" }));
  queue.leave = async (item) => {
    await drop(item.id);
    call("DELETE", `${item.uploads}${item.id}/`).catch(() => {});
  };
  // 16 random bytes as a UUID; `randomUUID` is not there on a page without https.
  queue.id = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("").replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  // --- signing out erases what is here
  const erase = async () => {
    for (const id of [...items.keys()]) await drop(id);
    if (!("caches" in window)) return;
    await caches.delete(PAGES + user);
    await caches.delete("retineye-who");
  };
  document.addEventListener("submit", async (event) => {
    const leaving = event.target;
    if (!leaving.matches("[data-signs-out], form[action$='/account/logout/']") || leaving.dataset.erased) return;
    event.preventDefault();
    const dialog = document.getElementById("leave");
    if (items.size && dialog) {
      dialog.querySelector("[data-sentence]").textContent = words.sign_out.replace("%n", items.size);
      dialog.returnValue = "";
      dialog.showModal();
      await new Promise((resolve) => { dialog.onclose = resolve; });
      if (dialog.returnValue !== "yes") return;
    }
    await Promise.race([erase(), new Promise((resolve) => setTimeout(resolve, 4000))]);
    await signOut(leaving);
  });
  // Without a line the server can not be told: the next page that comes from it is the last.
  const signOut = async (leaving) => {
    let answer;
    try { answer = await fetch(leaving.action, { method: "POST", body: new FormData(leaving) }); } catch {
      localStorage.setItem(LEAVES, user);
      return location.assign(document.querySelector("meta[name=retineye-offline]").content);
    }
    if (answer.ok) return location.assign(answer.url);
    leaving.dataset.erased = "yes";
    leaving.requestSubmit();
  };
  if (localStorage.getItem(LEAVES) === user && !document.documentElement.dataset.kept) {
    localStorage.removeItem(LEAVES);
    const leaving = document.querySelector("form[action$='/account/logout/']");
    if (leaving) erase().then(() => signOut(leaving));
  }

  // --- begin
  if ("serviceWorker" in navigator && document.querySelector("meta[name=retineye-worker]")) {
    navigator.serviceWorker.register(document.querySelector("meta[name=retineye-worker]").content).then(async () => {
      const worker = await navigator.serviceWorker.ready;
      if (!navigator.serviceWorker.controller) worker.active.postMessage({ keep: location.href });
    }).catch(() => {});
  }
  queue.online = navigator.onLine && !document.documentElement.dataset.kept;
  const ready = load().then(() => { changed(false); pump(); });
  queue.ready = ready;
  // A page from the store of the browser asks whether the line is back.
  if (document.documentElement.dataset.kept) {
    const knock = () => fetch("/health/", { cache: "no-store" }).then(() => { online(true); pump(); }).catch(() => setTimeout(knock, 10_000));
    knock();
  }
})();
