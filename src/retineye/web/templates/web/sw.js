{% load i18n static %}{% get_current_language as LANGUAGE_CODE %}{% get_current_language_bidi as LANGUAGE_BIDI %}// Shows an exam's page again where there is no line: the page as it was, to the person whose page it is, for a working day.
"use strict";

const USER = "X-RetinEye-User";
const KEPT_MS = 12 * 3_600_000;
const SLOW_MS = 8000;
const FILES = "retineye-files-1";
const PAGES = "retineye-pages-";
const WHO = "retineye-who";
const EXAM = /\/exams\/[0-9a-f-]{36}\/$/;
// Another language makes another script, so that the page of a cut line is fetched anew in it.
const LANGUAGE = "{{ LANGUAGE_CODE }}";
const OFFLINE = "{% url 'offline' %}";
const STATIC = "{% get_static_prefix %}";
const NEEDED = [
  OFFLINE,
  "{% static 'web/mark.svg' %}",
  "{% static 'web/offline.js' %}",
  "{% static 'web/tokens.css' %}",
  "{% static 'web/app.css' %}",{% if LANGUAGE_CODE == 'hi' or LANGUAGE_CODE == 'ar' %}
  "{% static 'web/writing.css' %}",{% endif %}
  "{% if LANGUAGE_BIDI %}{% static 'vendor/bootstrap/bootstrap.rtl.min.css' %}{% else %}{% static 'vendor/bootstrap/bootstrap.min.css' %}{% endif %}",
  "{% static 'vendor/inter/inter-latin-wght-normal.woff2' %}",
];

const who = async () => (await (await (await caches.open(WHO)).match("/who"))?.text()) || "";

// Pages of yesterday are nobody's business.
const tidy = async (kept) => {
  for (const request of await kept.keys()) {
    const page = await kept.match(request);
    if (Date.now() - Number(page.headers.get("X-Kept-At")) > KEPT_MS) await kept.delete(request);
  }
};

const remember = async (address, answer) => {
  const owner = answer.headers.get(USER);
  if (owner === null) return;
  const known = await caches.open(WHO);
  await known.put("/who", new Response(owner));
  if (!owner || !answer.ok || answer.redirected || !EXAM.test(new URL(address).pathname)) return;
  const headers = new Headers(answer.headers);
  for (const name of ["Content-Encoding", "Content-Length", "Vary", "Cache-Control"]) headers.delete(name);
  headers.set("X-Kept-At", String(Date.now()));
  const kept = await caches.open(PAGES + owner);
  await kept.put(new URL(address).pathname, new Response(await answer.text(), { headers }));
  await tidy(kept);
};

const again = async (address) => {
  const owner = await who();
  const path = new URL(address).pathname;
  const page = owner && EXAM.test(path) && (await (await caches.open(PAGES + owner)).match(path));
  const at = page ? Number(page.headers.get("X-Kept-At")) : 0;
  if (!page || Date.now() - at > KEPT_MS) return (await caches.match(OFFLINE)) || Response.error();
  const text = (await page.text()).replace("<html ", `<html data-kept="${new Date(at).toISOString()}" `);
  return new Response(text, { headers: page.headers });
};

const page = async (event) => {
  try {
    const slow = new Promise((_, reject) => setTimeout(reject, SLOW_MS, new Error("slow")));
    // What changes something is never given up half-way.
    const answer = await (event.request.method === "GET" ? Promise.race([fetch(event.request), slow]) : fetch(event.request));
    const copy = answer.clone();
    event.waitUntil(remember(event.request.url, copy).catch(() => {}));
    return answer;
  } catch { return again(event.request.url); }
};

// A file whose name holds its own checksum never changes.
const file = async (request) => {
  const kept = await caches.open(FILES);
  const there = await kept.match(request);
  if (there && /\.[0-9a-f]{12}\./.test(request.url)) return there;
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put(request, answer.clone());
    return answer;
  } catch (error) {
    if (there) return there;
    throw error;
  }
};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(FILES).then((kept) => kept.addAll(NEEDED)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (address.origin !== self.location.origin) return;
  if (event.request.mode === "navigate") event.respondWith(page(event));
  else if (event.request.method === "GET" && address.pathname.startsWith(STATIC)) event.respondWith(file(event.request));
});
// The very first page of a browser came before this script did.
self.addEventListener("message", (event) => {
  if (!event.data.keep || new URL(event.data.keep).origin !== self.location.origin) return;
  event.waitUntil(fetch(event.data.keep, { headers: { Accept: "text/html" } }).then((answer) => remember(event.data.keep, answer)).catch(() => {}));
});
