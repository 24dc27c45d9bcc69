// Runs in JupyterLab's page for benchmarks/panels.py, and notes the time of each key, pointer move and new picture.
//
// A picture is "put" when its pixels are on a canvas (putImageData, drawImage), or when a new <img> is decoded; it is
// "shown" at the start of the first animation frame after that: the frame that brings it to the screen.

window.probe = (() => {
  const blend = CanvasRenderingContext2D.prototype.drawImage;
  let pictures = []; // the elements that are watched: canvases, or one output area whose newest <img> counts
  let shown = new Map(); // element → times of the frames with a new picture
  let drawn = []; // [canvas, time] of every drawing on any canvas of the page
  let pressed = null;
  let moved = null;
  let armed = false;
  let observer = null;

  function note(element) {
    if (!shown.has(element)) return;
    const put = performance.now();
    requestAnimationFrame((frame) => {
      const times = shown.get(element);
      if (times?.at(-1)?.frame !== frame) times?.push({ frame, put, at: performance.now() }); // two in one frame are one
    });
  }

  for (const name of ["putImageData", "drawImage"]) {
    const original = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
      original.apply(this, given);
      drawn.push([this.canvas, performance.now()]);
      note(this.canvas);
    };
  }

  window.addEventListener("keydown", () => armed && ((pressed = performance.now()), (armed = false)), true);
  window.addEventListener("pointermove", () => (moved = performance.now()), true);

  const nextFrame = () => new Promise(requestAnimationFrame);
  const newestImage = (area) => [...area.querySelectorAll("img")].at(-1);

  function watch(elements) {
    observer?.disconnect();
    pictures = elements;
    shown = new Map(elements.map((element) => [element, []]));
    observer = new MutationObserver(async (changes) => {
      const area = pictures.find((element) => element.tagName !== "CANVAS");
      const image = area && newestImage(area);
      if (!image || !changes.some((change) => change.addedNodes.length || change.attributeName === "src")) return;
      if (image.noted === image.src) return;
      image.noted = image.src;
      await image.decode().catch(() => {});
      note(area);
    });
    for (const element of elements)
      if (element.tagName !== "CANVAS") observer.observe(element, { childList: true, subtree: true, attributes: true });
  }

  function arm() {
    pressed = null;
    armed = true;
  }

  // Milliseconds from the key press until every picture was new, put and shown; null where a picture did not change in time.
  async function latency(timeout) {
    const end = performance.now() + timeout;
    while (performance.now() < end) {
      const after = pictures.map((picture) => shown.get(picture).find(({ put }) => pressed !== null && put > pressed));
      if (after.every(Boolean)) return ["put", "at"].map((when) => Math.max(...after.map((times) => times[when])) - pressed);
      await nextFrame();
    }
    return null;
  }

  // After a drag: milliseconds from the last move to the last picture (0: it was there), and how many came after it.
  function afterDrag() {
    const late = pictures.map((picture) => shown.get(picture).filter(({ at }) => at > moved));
    const last = Math.max(moved, ...late.flat().map(({ at }) => at));
    const count = Math.max(...pictures.map((picture) => shown.get(picture).length));
    return { milliseconds: last - moved, after: Math.max(...late.map((times) => times.length)), pictures: count };
  }

  const forget = () => shown.forEach((_, element) => shown.set(element, []));

  const small = document.createElement("canvas");
  small.width = small.height = 64;
  const pixels = small.getContext("2d", { willReadFrequently: true });
  pixels.imageSmoothingQuality = "high";

  function isBlank(element) {
    const picture = element.tagName === "CANVAS" ? element : newestImage(element);
    if (!picture?.isConnected) return true;
    if (picture.tagName === "IMG" && !(picture.complete && picture.naturalWidth)) return true;
    pixels.clearRect(0, 0, 64, 64);
    blend.call(pixels, picture, 0, 0, 64, 64);
    const { data } = pixels.getImageData(0, 0, 64, 64);
    return data.every((value, place) => value === data[place % 4]); // all of one colour, or nothing at all
  }

  // Look at every animation frame until stop() is called: the area's heights, and the frames with a blank picture.
  function sample(area) {
    const result = { heights: new Set(), blank: 0, frames: 0 };
    let going = true;
    (async () => {
      while (going) {
        await nextFrame();
        result.heights.add(Math.round(area.getBoundingClientRect().height));
        result.blank += pictures.some(isBlank);
        result.frames += 1;
      }
    })();
    probe.stop = () => {
      going = false;
      return { ...result, heights: [...result.heights] };
    };
  }

  // Run the active cell; milliseconds until its output's last picture is drawn, laid out, and nothing grows any more.
  async function appear(cell, quiet) {
    const begun = performance.now();
    let [last, ended, before] = [begun, null, ""];
    drawn = [];
    window.jupyterapp.commands.execute("notebook:run-cell").then(() => (ended = performance.now()));
    while (ended === null || performance.now() - Math.max(last, ended) < quiet) {
      await nextFrame();
      const area = cell.querySelector(".jp-Cell-outputArea");
      const canvases = area ? [...area.querySelectorAll("canvas")].filter((canvas) => canvas.clientHeight) : [];
      const now = `${canvases.length} ${area?.clientHeight} ${area?.querySelectorAll("*").length}`;
      if (now !== before) last = performance.now();
      before = now;
      for (const [canvas, at] of drawn) if (canvases.includes(canvas)) last = Math.max(last, at);
    }
    return last - begun;
  }

  // Milliseconds until an element's text matches; from now, or from the next press of the mouse.
  async function until(element, pattern, act) {
    let begun = performance.now();
    if (act) act();
    else window.addEventListener("pointerdown", () => (begun = performance.now()), { capture: true, once: true });
    const matches = new RegExp(pattern);
    const end = begun + 20_000;
    while (performance.now() < end) {
      if (matches.test(element.textContent)) return performance.now() - begun;
      await nextFrame();
    }
    return null;
  }

  return { watch, arm, latency, afterDrag, forget, sample, appear, until };
})();
