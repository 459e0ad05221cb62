// Lists the exams that this browser can show without a line: those of the person who was here last.
"use strict";

(async () => {
  document.getElementById("again").onclick = () => location.reload();
  if (!("caches" in window)) return;
  const owner = await (await (await caches.open("retineye-who")).match("/who"))?.text();
  if (!owner) return;
  const kept = await caches.open("retineye-pages-" + owner);
  const list = document.getElementById("kept");
  for (const request of await kept.keys()) {
    const page = new DOMParser().parseFromString(await (await kept.match(request)).text(), "text/html");
    const line = document.createElement("li");
    const link = document.createElement("a");
    link.href = new URL(request.url).pathname;
    link.textContent = `${page.querySelector("h1")?.textContent.trim()}, ${page.querySelector(".head .meta")?.textContent.trim()}`;
    line.append(link);
    list.append(line);
  }
  document.getElementById("kept-exams").hidden = !list.children.length;
})();
