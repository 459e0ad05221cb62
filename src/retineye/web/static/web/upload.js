// The page of an exam: photographs are dropped, chosen or taken, shown on their way, and asked about where they do not fit.
"use strict";

(() => {
  const PICTURE = /\.(jpe?g|png|tiff?|bmp|webp|dcm|dicom|zip)$/i;
  const LITTER = /^(\..*|Thumbs\.db|desktop\.ini|DICOMDIR)$/;
  const rows = new Map();
  const pictures = new Map();
  const questions = [];
  let queue = null;
  let page = null;
  let sides = null;

  // --- which eye a file's name speaks of, by the words of the server: the name itself stays in this browser
  const folded = (word) => word.toLowerCase().normalize("NFKD").replace(/\p{Mn}/gu, "");
  const spoken = (text) => (text.match(/[\p{L}\p{M}]+/gu) || []).flatMap((word) => word.split(/(?<=[a-z])(?=[A-Z])/));
  const one = (text, known, codes) => {
    const words = spoken(text);
    const plain = new Set(words.map(folded));
    const named = (table, has) => Object.keys(table).filter((key) => table[key].some(has));
    let hits = named(known, (word) => plain.has(folded(word)));
    if (!hits.length) hits = named(codes, (code) => words.includes(code));
    return hits.length ? (hits.length === 1 ? hits[0] : "") : null;
  };
  const nearest = (path, known, codes) => path.split("/").reverse().map((part) => one(part, known, codes)).find((found) => found !== null) || "";

  // --- files come in
  const add = async (lane, field, file, path) => {
    const hint = nearest(path, sides.eyes, sides.codes);
    const eye = lane?.dataset.eye || "";
    const known = field || nearest(path, sides.fields, {}) || "unknown";
    const item = { id: queue.id(), exam: page.dataset.exam, page: location.pathname, begin: page.dataset.begin, uploads: page.dataset.uploads, eye, field: known, hint, name: file.name, size: file.size, state: "waiting" };
    if (file.size > Number(page.dataset.mostBytes)) return queue.add({ ...item, state: "refused", sentence: queue.words.too_large });
    if (eye && hint && hint !== eye) return queue.add({ ...item, state: "asking", question: "other_eye", other: hint, sentence: queue.words[`name_${hint}`] }, file);
    // An archive and a DICOM file say more than their names: the server looks at them first.
    const opens = !eye && !/\.(dcm|dicom|zip)$/i.test(file.name) && file.type.startsWith("image/");
    return queue.add({ ...item, state: opens ? "choosing" : "waiting" }, file);
  };

  const walk = async (entry, path, found) => {
    if (LITTER.test(entry.name) || entry.name === "__MACOSX") return;
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      // DICOM files often have no ending.
      if (!path || PICTURE.test(file.name) || !file.name.includes(".")) found.push([file, path + file.name]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!part.length) return;
      for (const each of part) await walk(each, `${path}${entry.name}/`, found);
    }
  };

  // This script runs before the page is drawn, so that no choice or drop goes unheard; the rest waits for the others.
  const drawn = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
  const take = async (target, files) => {
    const taken = [...files];
    await drawn;
    await started;
    const lane = target?.closest(".lane");
    const field = target?.closest("[data-field]")?.dataset.field;
    for (const file of taken) {
      const path = file.webkitRelativePath || file.name;
      if (path !== file.name && (LITTER.test(file.name) || !(PICTURE.test(file.name) || !file.name.includes(".")))) continue;
      await add(lane, field, file, path);
    }
  };
  const takeDrop = async (target, transfer) => {
    // The list is empty as soon as the event is over.
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files];
    if (!entries.some((entry) => entry.isDirectory)) return take(target, files);
    await drawn;
    await started;
    const found = [];
    for (const entry of entries) await walk(entry, "", found);
    const lane = target?.closest(".lane");
    const field = target?.closest("[data-field]")?.dataset.field;
    for (const [file, path] of found) await add(lane, field, file, path);
  };

  const chosen = (input) => {
    take(input, input.files);
    input.value = "";
  };
  document.addEventListener("change", (event) => { if (event.target.matches("input[data-takes]")) chosen(event.target); });

  const over = (event) => {
    // A file dropped beside a lane would replace the page in the browser.
    event.preventDefault();
    const place = event.target.closest?.(".slot, .lane, .both");
    for (const each of document.querySelectorAll(".slot, .lane, .both")) each.classList.toggle("is-over", each === place && event.type === "dragover");
    if (event.type === "drop" && page) takeDrop(place, event.dataTransfer);
  };
  for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, over);

  // --- rows: one for each photograph that is not in the exam yet
  const place = (item) => document.querySelector(item.eye && item.state !== "choosing" ? `.lane[data-eye="${item.eye}"] .ups` : "#tray .ups");
  const part = (row, name) => row.querySelector(`[data-${name}]`);

  const picture = async (row, item) => {
    const shown = row.querySelector("img");
    shown.onerror = () => { shown.style.visibility = "hidden"; };
    if (item.preview) { shown.src = item.preview; return; }
    const file = await queue.file(item.id);
    if (!file || !file.type.startsWith("image/")) { shown.onerror(); return; }
    if (!pictures.has(item.id)) pictures.set(item.id, URL.createObjectURL(file));
    shown.src = pictures.get(item.id);
  };

  const make = (item) => {
    const row = document.getElementById("up-row").content.firstElementChild.cloneNode(true);
    row.dataset.id = item.id;
    part(row, "name").textContent = item.name;
    part(row, "size").textContent = !item.size ? "" : item.size < 1e6 ? `${Math.ceil(item.size / 1e3)} kB` : `${(item.size / 1e6).toFixed(1)} MB`;
    for (const radio of row.querySelectorAll("input[type=radio]")) radio.name = `eye-${item.id}`;
    const now = () => queue.items.get(item.id);
    part(row, "again").onclick = () => queue.again(now());
    part(row, "leave").onclick = () => queue.leave(now());
    part(row, "other").onclick = () => queue.change(now(), { state: "waiting", eye: now().other, answers: now().answers.filter((answer) => answer !== "other_eye") });
    part(row, "yes").onclick = () => queue.change(now(), { state: "waiting", answers: [...now().answers, now().question] });
    row.querySelector(".up-choose").onchange = () => { count(); };
    picture(row, item);
    rows.set(item.id, row);
    return row;
  };

  const draw = (item) => {
    const fresh = !rows.has(item.id);
    const row = rows.get(item.id) || make(item);
    const home = place(item);
    if (row.parentElement !== home) home.append(row);
    const { lost, part: share } = queue.live.get(item.id) || {};
    const asks = item.state === "asking";
    const sentence = lost || item.sentence;
    row.classList.toggle("is-refused", item.state === "refused" || Boolean(lost));
    row.classList.toggle("is-asking", asks || item.state === "choosing");
    row.querySelector("progress").hidden = item.state !== "waiting" || Boolean(lost);
    row.querySelector("progress").value = share || 0;
    if (row.querySelector(".up-say").textContent !== sentence) row.querySelector(".up-say").textContent = sentence;
    row.querySelector(".up-choose").hidden = item.state !== "choosing";
    if (fresh && item.state === "choosing") choose(row, item);
    part(row, "again").hidden = !(lost || (item.state === "refused" && item.again));
    part(row, "leave").hidden = !(lost || item.state !== "waiting");
    part(row, "other").hidden = !(asks && item.question === "other_eye" && item.other);
    part(row, "yes").hidden = !(asks && ["other_eye", "date"].includes(item.question));
    part(row, "other").textContent = queue.words[`is_${item.other}`] || "";
    part(row, "yes").textContent = item.question === "date" ? queue.words.take_it : queue.words[`is_${item.eye}`] || "";
    if (asks && ["other_patient", "patient_named"].includes(item.question) && !questions.includes(item.id)) ask(item);
  };

  const choose = (row, item) => {
    const guess = item.eye || item.hint;
    for (const radio of row.querySelectorAll("input[type=radio]")) radio.checked = radio.value === guess;
    row.querySelector("select").value = item.field;
    part(row, "why").textContent = item.why || (item.hint ? queue.words.by_name : queue.words.no_guess);
  };

  const count = () => {
    const marked = [...document.querySelectorAll("#tray .up-choose:not([hidden]) input:checked")].length;
    const button = document.getElementById("tray-take");
    button.disabled = !marked;
    button.querySelector("[data-word]").textContent = !marked ? queue.words.mark_first : marked === 1 ? queue.words.take_one : queue.words.take_many.replace("%n", marked);
    document.getElementById("tray").hidden = !document.querySelector("#tray .up, #tray .left-out li");
    document.getElementById("tray-ask").hidden = !document.querySelector("#tray .up-choose:not([hidden])");
  };

  const drawAll = (id) => {
    if (id) { if (rows.has(id) && queue.items.has(id)) draw(queue.items.get(id)); return; }
    const mine = [...queue.items.values()].filter((item) => item.exam === page.dataset.exam).sort((first, second) => first.at - second.at);
    for (const [known, row] of rows) {
      if (mine.some((item) => item.id === known)) continue;
      row.remove();
      rows.delete(known);
      URL.revokeObjectURL(pictures.get(known));
      pictures.delete(known);
    }
    mine.forEach(draw);
    count();
  };

  // --- what the server answers
  const done = (item, answer) => {
    if (item.exam !== page.dataset.exam) return "";
    const there = document.getElementById(answer.id);
    if (there) {
      there.scrollIntoView({ block: "nearest" });
      return queue.words.already;
    }
    const lane = document.querySelector(`.lane[data-eye="${answer.eye}"]`);
    const photos = lane.querySelector(".photos");
    photos.insertAdjacentHTML("afterbegin", answer.html);
    lane.classList.remove("lane-empty");
    window.htmx.process(photos.firstElementChild);
    window.htmx.trigger(document.body, "photograph-changed");
    return "";
  };

  const arrived = (parts) => Promise.all(parts.filter((piece) => !queue.items.has(piece.id)).map((piece) => queue.add({ ...piece, remote: true, exam: page.dataset.exam, page: location.pathname, uploads: page.dataset.uploads, hint: "", size: 0, state: "choosing" })));
  const pieces = (item, answer) => {
    if (item.exam !== page.dataset.exam) return;
    arrived(answer.pieces);
    const list = document.querySelector("#tray .left-out");
    for (const sentence of answer.left_out || []) {
      const line = document.createElement("li");
      line.textContent = sentence;
      list.append(line);
    }
    count();
  };

  // --- a question to a person about the patient; of several, one after the other
  const ask = (item) => {
    questions.push(item.id);
    if (!document.getElementById("ask").open) askNext();
  };
  const askNext = () => {
    const item = queue.items.get(questions[0]);
    if (!item) {
      if (questions.shift()) askNext();
      return;
    }
    const dialog = document.getElementById("ask");
    dialog.querySelector("[data-sentence]").textContent = item.sentence;
    dialog.onclose = async () => {
      if (dialog.returnValue === "yes") await queue.change(item, { state: "waiting", answers: [...item.answers, item.question] });
      else await queue.leave(item);
      questions.shift();
      askNext();
    };
    dialog.returnValue = "";
    dialog.showModal();
  };

  // --- the slots say what is there; the cards know
  const slots = () => {
    for (const lane of document.querySelectorAll(".lane")) {
      for (const slot of lane.querySelectorAll(".slot")) {
        const states = [...lane.querySelectorAll(`.photo[data-field="${slot.dataset.field}"]`)].map((photo) => photo.dataset.state);
        const now = states.includes("graded") ? "good" : states.some((state) => ["waiting", "grading"].includes(state)) ? "wait" : states.length ? "again" : "empty";
        slot.dataset.now = now;
        slot.querySelector("[data-now]").textContent = queue.words[`slot_${now}`];
      }
    }
  };

  const started = drawn.then(async () => {
    page = document.querySelector("[data-exam]");
    queue = window.retineyeQueue;
    sides = JSON.parse(document.getElementById("side-words").textContent);
    slots();
    document.addEventListener("htmx:afterSettle", slots);
    document.body.addEventListener("photograph-changed", slots);
    if (!document.getElementById("tray")) return;
    Object.assign(queue, { onChange: drawAll, onDone: done, onPieces: pieces });
    document.getElementById("tray-take").onclick = async () => {
      for (const row of document.querySelectorAll("#tray .up")) {
        const eye = row.querySelector(".up-choose:not([hidden]) input:checked")?.value;
        const item = queue.items.get(row.dataset.id);
        if (!eye || !item) continue;
        // Who marked the other eye than the name has looked already.
        const answers = item.hint && item.hint !== eye ? ["other_eye"] : [];
        await queue.change(item, { state: "waiting", eye, field: row.querySelector("select").value, answers });
      }
    };
    await queue.ready;
    await arrived(JSON.parse(document.getElementById("pieces").textContent));
    // A photograph of the server's list that is gone there was finished in another tab.
    drawAll();
  });
  // A browser that shows the page again may still hold what was chosen in it.
  started.then(() => document.querySelectorAll("input[data-takes]").forEach((input) => input.files.length && chosen(input)));

  window.addEventListener("beforeunload", (event) => {
    if (queue && !queue.kept && queue.items.size) event.preventDefault();
  });
})();
