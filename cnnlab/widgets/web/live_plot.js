// LivePlot in the browser: draws the picture that Python sends.

function render({ model, el }) {
  const canvas = el.appendChild(document.createElement("canvas"));
  canvas.className = "cnnlab-plot";
  canvas.setAttribute("role", "img");

  // Decoded here: the browser would decode an image with a delay, and show the plot a frame later.
  function drawPicture() {
    const sent = model.get("picture");
    if (!sent.byteLength) return;
    const count = sent.byteLength / 6; // the number of runs: each has a colour of 4 bytes and a length of 2 bytes
    const bytes = sent.buffer.slice(sent.byteOffset, sent.byteOffset + sent.byteLength);
    const colours = new Uint32Array(bytes, 0, count);
    const lengths = new Uint16Array(bytes, 4 * count, count);
    const picture = new ImageData(model.get("width"), model.get("height"));
    const pixels = new Uint32Array(picture.data.buffer);
    let at = 0;
    for (let run = 0; run < count; run++) {
      const end = at + lengths[run];
      pixels.fill(colours[run], at, end);
      at = end;
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  function drawFrame() {
    canvas.width = model.get("width");
    canvas.height = model.get("height");
    canvas.style.maxWidth = `${canvas.width}px`;
    drawPicture();
  }

  function drawWords() {
    canvas.setAttribute("aria-label", model.get("label"));
  }

  const drawers = [
    [drawFrame, ["change:width", "change:height"]],
    [drawPicture, ["change:picture"]],
    [drawWords, ["change:label"]],
  ];
  for (const [draw, names] of drawers) for (const name of names) model.on(name, draw);
  drawFrame();
  drawWords();
  return () => {
    for (const [draw, names] of drawers) for (const name of names) model.off(name, draw);
  };
}

export default { render };
