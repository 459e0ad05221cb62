// Sends photographs from a lane: many at once, each with its progress; a failed one stays until a person decides.
"use strict";

(() => {
  const AT_ONCE = 2;
  const TOO_LARGE = "The file is larger than this service accepts. Export the photograph at a smaller size.";
  const SIGNED_OUT = "You have been signed out. Sign in again in another tab, then try again: the file is still here.";
  const LOST = "The connection broke before the photograph had arrived. Nothing is lost: try again.";
  const waiting = [];
  const questions = [];
  let running = 0;

  const addRow = (lane, file) => {
    const row = document.getElementById("up-row").content.firstElementChild.cloneNode(true);
    const job = { lane, file, row, fields: new FormData(lane.querySelector("form")) };
    row.querySelector("[data-name]").textContent = file.name;
    row.querySelector("[data-size]").textContent = file.size < 1e6 ? Math.ceil(file.size / 1e3) + " kB" : (file.size / 1e6).toFixed(1) + " MB";
    const picture = row.querySelector(".up-pic");
    picture.onerror = () => { picture.style.visibility = "hidden"; };
    picture.src = URL.createObjectURL(file);
    row.querySelector("[data-again]").onclick = () => renew(job).finally(() => enqueue(job));
    row.querySelector("[data-leave]").onclick = () => discard(job);
    lane.querySelector(".ups").append(row);
    if (file.size > Number(lane.dataset.mostBytes)) refuse(job, TOO_LARGE, false);
    else enqueue(job);
  };

  // Whoever signed in again meanwhile has a new token; the one in this page is void.
  const renew = async (job) => {
    const page = new DOMParser().parseFromString(await (await fetch(window.location.href)).text(), "text/html");
    const token = page.querySelector("[name=csrfmiddlewaretoken]");
    if (token) job.fields.set(token.name, token.value);
  };

  const enqueue = (job) => {
    job.row.classList.remove("is-refused");
    say(job, "", { again: false });
    job.row.querySelector("progress").value = 0;
    waiting.push(job);
    next();
  };

  const next = () => {
    for (; running < AT_ONCE && waiting.length; running += 1) send(waiting.shift());
  };

  const discard = (job) => {
    URL.revokeObjectURL(job.row.querySelector(".up-pic").src);
    job.row.remove();
  };

  const say = (job, sentence, { again }) => {
    job.row.querySelector(".up-say").textContent = sentence;
    job.row.querySelector("[data-again]").hidden = !again;
    job.row.querySelector("[data-leave]").hidden = !sentence;
  };

  const send = (job) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const [name, value] of job.fields) if (typeof value === "string") body.append(name, value);
    if (job.confirmed) body.append("confirmed_other_patient", "on");
    // The file's own name may hold a patient's name; it stays in this browser.
    body.append("photograph", job.file, "photograph");
    const bar = job.row.querySelector("progress");
    request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
    request.onload = () => done(job, request);
    request.onerror = request.onabort = request.ontimeout = () => refuse(job, LOST, true);
    request.onloadend = () => { running -= 1; next(); };
    request.open("POST", job.lane.dataset.upload);
    request.send(body);
  };

  const refuse = (job, sentence, again) => {
    job.row.classList.add("is-refused");
    say(job, sentence, { again });
  };

  const done = (job, request) => {
    let answer;
    try { answer = JSON.parse(request.responseText); } catch { answer = {}; }
    if (request.status === 413) return refuse(job, TOO_LARGE, false);
    if (new URL(request.responseURL).pathname !== job.lane.dataset.upload) return refuse(job, SIGNED_OUT, true);
    if (answer.html) return show(job, answer);
    if (answer.ask) return ask(job, answer);
    const sentence = answer.sentence || "The server could not take the photograph. Try again in a moment.";
    refuse(job, sentence, answer.again ?? request.status >= 500);
  };

  const show = (job, answer) => {
    const there = document.getElementById(answer.id);
    if (there) {
      refuse(job, "This photograph is already in this exam. It was not stored twice.", false);
      return there.scrollIntoView({ block: "nearest" });
    }
    const photos = job.lane.querySelector(".photos");
    photos.insertAdjacentHTML("afterbegin", answer.html);
    job.lane.classList.remove("lane-empty");
    window.htmx.process(photos.firstElementChild);
    window.htmx.trigger(document.body, "photograph-changed");
    discard(job);
  };

  // A question to a person; of several, one after the other.
  const ask = (job, answer) => {
    refuse(job, answer.sentence, false);
    questions.push([job, answer.sentence]);
    if (!document.getElementById("ask").open) askNext();
  };

  const askNext = () => {
    if (!questions.length) return;
    const [job, sentence] = questions.shift();
    const dialog = document.getElementById("ask");
    dialog.querySelector("[data-sentence]").textContent = sentence;
    dialog.onclose = () => {
      job.confirmed = dialog.returnValue === "yes";
      if (job.confirmed) enqueue(job);
      else discard(job);
      askNext();
    };
    dialog.returnValue = "";
    dialog.showModal();
  };

  // This script runs before the page is drawn, so that no choice or drop goes unheard; the rest waits for the others.
  const drawn = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
  const take = async (lane, files) => {
    const taken = [...files];
    await drawn;
    for (const file of taken) addRow(lane, file);
  };

  const chosen = (input) => {
    take(input.closest(".lane"), input.files);
    input.value = "";
  };
  document.addEventListener("change", (event) => { if (event.target.matches(".drop input[type=file]")) chosen(event.target); });
  // A browser that shows the page again may still hold what was chosen in it.
  drawn.then(() => document.querySelectorAll(".drop input[type=file]").forEach(chosen));

  const over = (event) => {
    // A file dropped beside a lane would replace the page in the browser.
    event.preventDefault();
    const lane = event.target.closest?.(".lane");
    for (const each of document.querySelectorAll(".lane")) each.classList.toggle("is-over", each === lane && event.type === "dragover");
    if (event.type === "drop" && lane) take(lane, event.dataTransfer.files);
  };
  for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, over);

  window.addEventListener("beforeunload", (event) => {
    if (running || document.querySelector(".up.is-refused [data-again]:not([hidden])")) event.preventDefault();
  });
})();
