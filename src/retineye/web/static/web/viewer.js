// Puts a photograph on its stage: zoom and pan by OpenSeadragon, the attention map above it, red-free and contrast.
"use strict";

(() => {
  // Turning or mirroring a photograph would make a right eye look like a left one.
  const LOCKED_KEYS = new Set(["r", "R", "f", "F"]);
  const stages = new WeakMap();

  // OpenSeadragon adds an inline style unless it finds its own; the page's policy forbids inline styles.
  const quietStyles = () => {
    if (document.querySelector("style[data-openseadragon-mobile-css]")) return;
    // An element of that name in no namespace: found by the library, and no style sheet to the browser.
    const mark = document.createElementNS(null, "style");
    mark.setAttribute("data-openseadragon-mobile-css", "");
    document.head.append(mark);
  };

  const open = (stage) => {
    if (stages.has(stage)) return;
    const view = stage.querySelector(".stage-view");
    quietStyles();
    const preview = view.querySelector(".stage-photo");
    const above = view.querySelectorAll(".stage-heat, .stage-lesions");
    const viewer = window.OpenSeadragon({
      element: view,
      drawer: "canvas",
      tileSources: { type: "image", url: stage.dataset.display },
      showNavigationControl: false,
      visibilityRatio: 1,
      constrainDuringPan: true,
      minZoomImageRatio: 1,
      maxZoomPixelRatio: 4,
      animationTime: 0.2,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      gestureSettingsTouch: { flickEnabled: false },
    });
    stages.set(stage, viewer);
    viewer.canvas.setAttribute("aria-label", `${preview.alt}. ${stage.dataset.keys}`);
    viewer.canvas.setAttribute("role", "img");
    viewer.addHandler("canvas-key", (event) => {
      if (LOCKED_KEYS.has(event.originalEvent.key)) event.preventDefaultAction = true;
    });
    viewer.addHandler("open", () => {
      const image = viewer.world.getItemAt(0);
      for (const element of above) viewer.addOverlay({ element, location: image.getBounds() });
      const settle = () => image.getFullyLoaded() && (preview.hidden = true);
      image.addHandler("fully-loaded-change", settle);
      settle();
    });
    asleep(stage, viewer, true);
    stage.dispatchEvent(new CustomEvent("stage:open", { bubbles: true, detail: { viewer } }));
  };

  // Until a person touches the stage, wheel and finger belong to the page, or nobody could scroll past a photograph.
  const asleep = (stage, viewer, sleeping) => {
    viewer.setMouseNavEnabled(!sleeping);
    viewer.canvas.style.touchAction = sleeping ? "pan-y pinch-zoom" : "none";
    stage.classList.toggle("is-awake", !sleeping);
  };

  const zoom = (viewer, action) => {
    if (action === "fit") viewer.viewport.goHome();
    else viewer.viewport.zoomBy(action === "in" ? 1.6 : 1 / 1.6).applyConstraints();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".stage-tools button");
    if (!button) return;
    const stage = button.closest(".stage");
    if (button.dataset.zoom) return zoom(stages.get(stage), button.dataset.zoom);
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    stage.classList.toggle(button.dataset.filter, pressed);
  });

  document.addEventListener("pointerup", (event) => {
    for (const stage of document.querySelectorAll(".stage[data-display]")) {
      const viewer = stages.get(stage);
      if (viewer) asleep(stage, viewer, !stage.contains(event.target));
    }
  });

  const fade = (slider) => {
    const heat = slider.closest(".stage").querySelector(".stage-heat");
    if (heat) heat.style.opacity = slider.value / 100;
  };
  document.addEventListener("input", (event) => event.target.matches(".stage-slider input") && fade(event.target));

  // A page without a photograph does without the viewer, which weighs more than all the rest.
  let library = null;
  const loaded = () => {
    const named = document.querySelector("meta[name=openseadragon]");
    if (window.OpenSeadragon || !named) return Promise.resolve();
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = named.content;
      script.onload = resolve;
      script.onerror = () => { library = null; reject(new Error("no viewer")); };
      document.head.append(script);
    });
    return library;
  };

  const start = async (root) => {
    const stages = root.querySelectorAll(".stage[data-display]");
    if (!stages.length) return;
    // Without a line the photograph stands still, and its page is whole.
    try { await loaded(); } catch { return; }
    for (const stage of stages) {
      open(stage);
      stage.querySelectorAll(".stage-slider input").forEach(fade);
    }
  };
  document.addEventListener("DOMContentLoaded", () => start(document));
  document.addEventListener("photograph:shown", (event) => start(event.target));
  document.addEventListener("htmx:afterSettle", () => start(document));
})();
