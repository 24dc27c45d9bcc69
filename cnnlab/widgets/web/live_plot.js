// LivePlot in the browser: draws the picture that Python sends; on a narrow page, its parts below each other.

const NARROW = 0.7; // of the picture's width

function render({ model, el }) {
  const canvas = el.appendChild(document.createElement("canvas"));
  canvas.className = "cnnlab-plot";
  canvas.setAttribute("role", "img");
  let isNarrow = false;

  // The parts of the picture, each from a left edge to a right edge.
  function parts() {
    const width = model.get("width");
    const cuts = isNarrow ? model.get("cuts") : [];
    return [0, ...cuts].map((left, place) => [left, cuts[place] ?? width]);
  }

  // Decoded here: the browser would decode an image with a delay, and show the plot a frame later.
  function drawPicture() {
    const sent = model.get("picture");
    if (!sent.byteLength) return;
    const count = sent.byteLength / 6; // the number of runs: each has a colour of 4 bytes and a length of 2 bytes
    const bytes = sent.buffer.slice(sent.byteOffset, sent.byteOffset + sent.byteLength);
    const colours = new Uint32Array(bytes, 0, count);
    const lengths = new Uint16Array(bytes, 4 * count, count);
    const height = model.get("height");
    const picture = new ImageData(model.get("width"), height);
    const pixels = new Uint32Array(picture.data.buffer);
    let at = 0;
    for (let run = 0; run < count; run++) {
      const end = at + lengths[run];
      pixels.fill(colours[run], at, end);
      at = end;
    }
    const context = canvas.getContext("2d");
    parts().forEach(([left, right], place) =>
      context.putImageData(picture, -left, place * height, left, 0, right - left, height),
    );
  }

  function drawFrame() {
    const all = parts();
    canvas.width = Math.max(...all.map(([left, right]) => right - left));
    canvas.height = all.length * model.get("height");
    canvas.style.maxWidth = `${canvas.width}px`;
    drawPicture();
  }

  function drawWords() {
    canvas.setAttribute("aria-label", model.get("label"));
  }

  function dimOutdated() {
    canvas.classList.toggle("cnnlab-outdated", model.get("is_outdated"));
  }

  // Only a picture with cuts is laid out anew, and only when it becomes narrow, or wide again.
  const watch = new ResizeObserver(() => {
    const available = el.parentElement?.clientWidth ?? 0;
    const before = isNarrow;
    isNarrow = 0 < available && available < NARROW * model.get("width");
    if (isNarrow !== before && model.get("cuts").length) drawFrame();
  });
  watch.observe(el);

  const drawers = [
    [drawFrame, ["change:width", "change:height"]],
    [() => isNarrow && drawFrame(), ["change:cuts"]],
    [drawPicture, ["change:picture"]],
    [drawWords, ["change:label"]],
    [dimOutdated, ["change:is_outdated"]],
  ];
  for (const [draw, names] of drawers) for (const name of names) model.on(name, draw);
  drawFrame();
  drawWords();
  dimOutdated();
  return () => {
    watch.disconnect();
    for (const [draw, names] of drawers) for (const name of names) model.off(name, draw);
  };
}

export default { render };
