// Reading by keyboard, drawing on the photograph, and two visits that zoom together.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const viewers = new Map();
  const say = (text) => { const line = document.getElementById("say"); if (line) line.textContent = text; };

  // --- the drawings: kept in pixels of the upright photograph, drawn anew whenever the view moves
  const drawings = new Map();

  const toScreen = (viewer, x, y) => {
    const point = viewer.world.getItemAt(0).imageToViewportCoordinates(x, y);
    return viewer.viewport.viewportToViewerElementCoordinates(point);
  };
  const toPhotograph = (viewer, event) => {
    const box = viewer.container.getBoundingClientRect();
    const there = new window.OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top);
    const image = viewer.world.getItemAt(0);
    const size = image.getContentSize();
    const point = image.viewportToImageCoordinates(viewer.viewport.viewerElementToViewportCoordinates(there));
    const within = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
    return [within(point.x, size.x), within(point.y, size.y)];
  };

  const shape = (viewer, mark) => {
    const [x1, y1, x2, y2] = mark.points;
    const from = toScreen(viewer, x1, y1);
    const to = toScreen(viewer, x2, y2);
    const group = document.createElementNS(SVG, "g");
    const add = (name, values, kind) => {
      const part = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(values)) part.setAttribute(key, value);
      part.setAttribute("class", kind);
      group.append(part);
    };
    for (const kind of ["mark-edge", "mark-line"]) {
      if (mark.shape === "circle") {
        add("circle", { cx: from.x, cy: from.y, r: Math.hypot(to.x - from.x, to.y - from.y) }, kind);
        continue;
      }
      const turn = Math.atan2(to.y - from.y, to.x - from.x);
      const wing = (side) => `${to.x - 13 * Math.cos(turn + side)},${to.y - 13 * Math.sin(turn + side)}`;
      add("path", { d: `M${from.x},${from.y} L${to.x},${to.y} M${wing(0.5)} L${to.x},${to.y} L${wing(-0.5)}` }, kind);
    }
    return group;
  };

  const redraw = (stage) => {
    const viewer = viewers.get(stage);
    const kept = drawings.get(stage);
    if (!viewer || !kept || !viewer.world.getItemAt(0)) return;
    kept.layer.replaceChildren(...[...kept.marks, ...(kept.now ? [kept.now] : [])].map((mark) => shape(viewer, mark)));
  };

  const store = () => {
    const field = document.querySelector("#read input[name=marks]");
    if (field) field.value = JSON.stringify([...drawings.values()].flatMap((one) => one.marks));
  };

  const prepare = (stage, viewer) => {
    if (!stage.dataset.photograph) return;
    const layer = document.createElementNS(SVG, "svg");
    layer.setAttribute("class", "marks");
    layer.setAttribute("aria-hidden", "true");
    stage.querySelector(".stage-view").append(layer);
    const kept = { layer, marks: JSON.parse(stage.dataset.marks || "[]"), now: null, tool: "" };
    drawings.set(stage, kept);
    store();
    for (const name of ["open", "update-viewport", "resize"]) viewer.addHandler(name, () => redraw(stage));
    layer.addEventListener("pointerdown", (event) => {
      if (!kept.tool) return;
      event.preventDefault();
      layer.setPointerCapture(event.pointerId);
      const start = toPhotograph(viewer, event);
      kept.now = { photograph: stage.dataset.photograph, shape: kept.tool, points: [...start, ...start] };
      redraw(stage);
    });
    layer.addEventListener("pointermove", (event) => {
      if (!kept.now) return;
      kept.now.points = [...kept.now.points.slice(0, 2), ...toPhotograph(viewer, event)];
      redraw(stage);
    });
    layer.addEventListener("pointerup", () => {
      if (!kept.now) return;
      const [x1, y1, x2, y2] = kept.now.points;
      if (Math.hypot(x2 - x1, y2 - y1) > 3) keep(stage, kept.now);
      kept.now = null;
      redraw(stage);
    });
    layer.addEventListener("pointercancel", () => { kept.now = null; redraw(stage); });
  };

  const keep = (stage, mark) => {
    drawings.get(stage).marks.push(mark);
    store();
    redraw(stage);
    say(document.querySelector(`[data-draw=${mark.shape}]`).dataset.drawn);
  };

  // By keyboard: the drawing lands in the middle of what is in view, a fifth of it wide.
  const drawInTheMiddle = (stage, tool) => {
    const viewer = viewers.get(stage);
    const image = viewer.world.getItemAt(0);
    const bounds = viewer.viewport.getBounds(true);
    const middle = image.viewportToImageCoordinates(bounds.getCenter());
    const rim = image.viewportToImageCoordinates(bounds.x + bounds.width * 0.6, bounds.getCenter().y);
    const round = (value) => Math.round(value * 10) / 10;
    const points = [middle.x, middle.y, rim.x, rim.y].map(round);
    keep(stage, { photograph: stage.dataset.photograph, shape: tool, points: tool === "arrow" ? [...points.slice(2), ...points.slice(0, 2)] : points });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-draw]");
    if (!button) return;
    event.stopImmediatePropagation();
    const stage = button.closest(".stage");
    const kept = drawings.get(stage);
    if (!kept) return;
    if (button.dataset.draw === "undo") {
      kept.marks.pop();
      store();
      return redraw(stage);
    }
    // A button that was reached by keyboard draws at once: there is nothing to drag.
    if (event.detail === 0) return drawInTheMiddle(stage, button.dataset.draw);
    kept.tool = kept.tool === button.dataset.draw ? "" : button.dataset.draw;
    stage.classList.toggle("is-drawing", Boolean(kept.tool));
    for (const one of stage.querySelectorAll("[data-draw][aria-pressed]")) {
      one.setAttribute("aria-pressed", String(one.dataset.draw === kept.tool));
    }
  }, true);

  // --- two visits, one zoom: as shares of the photograph, since cameras differ
  // Only the photograph that a person moves leads: two that answered each other would stop each other halfway.
  let leader = null;
  const lead = (event) => { leader = event.target.closest?.(".stage") ?? leader; };
  for (const kind of ["pointerdown", "wheel", "keydown", "click"]) document.addEventListener(kind, lead, { capture: true, passive: true });
  const link = (stage, viewer) => {
    const pair = stage.closest("[data-linked]");
    if (!pair) return;
    const follow = () => {
      if (stage !== leader || !document.getElementById("linked").checked) return;
      for (const [other, its] of viewers) {
        if (other === stage || other.closest("[data-linked]") !== pair || !its.world.getItemAt(0)) continue;
        its.viewport.zoomTo(viewer.viewport.getZoom(true) / viewer.viewport.getHomeZoom() * its.viewport.getHomeZoom(), null, true);
        const [mine, theirs] = [viewer, its].map((one) => one.world.getItemAt(0).getBounds(true));
        const centre = viewer.viewport.getCenter(true);
        const at = (value, from, width, start, wide) => start + (value - from) / width * wide;
        its.viewport.panTo(new window.OpenSeadragon.Point(
          at(centre.x, mine.x, mine.width, theirs.x, theirs.width), at(centre.y, mine.y, mine.height, theirs.y, theirs.height)), true);
      }
    };
    viewer.addHandler("update-viewport", follow);
  };

  document.addEventListener("stage:open", (event) => {
    const stage = event.target;
    const { viewer } = event.detail;
    viewers.set(stage, viewer);
    prepare(stage, viewer);
    link(stage, viewer);
    // On this page letters and digits belong to the read; arrows, plus and minus stay with the photograph.
    viewer.addHandler("canvas-key", (key) => {
      if (/^[a-z0-9]$/i.test(key.originalEvent.key)) key.preventDefaultAction = true;
    });
  });

  // --- the keys
  const form = () => document.querySelector("form[data-reading][data-open]");
  const eyes = () => [...document.querySelectorAll(".desk-eye")].filter((eye) => eye.querySelector("input[type=radio]"));
  let active = 0;

  const mark = () => eyes().forEach((eye, number) => eye.classList.toggle("is-active", number === active && form() !== null));
  const field = (name, value) => eyes()[active]?.querySelector(`input[name=${eyes()[active].dataset.eye}_${name}][value="${value}"]`);
  const chosen = (name, eye) => eye.querySelector(`input[name=${eye.dataset.eye}_${name}]:checked`)?.value;
  const choose = (input) => {
    if (!input) return;
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    say(`${eyes()[active].querySelector("h2").textContent}: ${input.closest("label").textContent.trim()}`);
  };
  const other = () => {
    if (eyes().length > 1) active = 1 - active;
    mark();
    eyes()[active]?.scrollIntoView({ block: "nearest" });
    say(`${eyes()[active]?.querySelector("h2").textContent}`);
  };
  const grade = (value) => {
    choose(field("grade", value));
    if (chosen("quality", eyes()[active]) === "unreadable") choose(field("quality", "good"));
  };
  const macula = () => {
    const values = ["no_sign", "suspected", "cannot_judge"];
    choose(field("dme", values[(values.indexOf(chosen("dme", eyes()[active])) + 1) % values.length]));
  };
  const unreadable = () => {
    const eye = eyes()[active];
    const now = chosen("quality", eye) === "unreadable";
    choose(field("quality", now ? "good" : "unreadable"));
  };
  const signs = () => {
    const more = eyes()[active]?.querySelector("details.more");
    if (!more) return;
    more.open = true;
    more.querySelector("input").focus();
  };

  const fade = (eye) => eye.classList.toggle("is-unreadable", chosen("quality", eye) === "unreadable");
  document.addEventListener("change", (event) => {
    const eye = event.target.closest(".desk-eye");
    if (!eye) return;
    active = Math.max(0, eyes().indexOf(eye));
    mark();
    if (event.target.name.endsWith("_quality") && event.target.value === "unreadable") {
      for (const one of eye.querySelectorAll("input[name$=_grade]")) one.checked = false;
    }
    fade(eye);
  });
  document.addEventListener("focusin", (event) => {
    const eye = event.target.closest?.(".desk-eye");
    if (eye && eyes().includes(eye)) { active = eyes().indexOf(eye); mark(); }
  });

  const typing = (target) => target.closest("textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open], details.menu[open]")) return;
    const key = event.key.toLowerCase();
    if (form() && eyes().length) {
      const does = { e: other, d: macula, u: unreadable, f: signs }[key];
      if (/^[0-4]$/.test(key)) { event.preventDefault(); return grade(key); }
      if (does) { event.preventDefault(); return does(); }
    }
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (target) { event.preventDefault(); target.click(); }
  });

  document.addEventListener("DOMContentLoaded", () => {
    // The first eye that has no grade yet is the one that the keys go to.
    active = Math.max(0, eyes().findIndex((eye) => !chosen("grade", eye)));
    mark();
    eyes().forEach(fade);
  });
})();
