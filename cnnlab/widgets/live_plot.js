// LivePlot in the browser: shows the newest picture that Python sent, in a frame whose size never changes.

function render({ model, el }) {
  const canvas = el.appendChild(document.createElement("canvas"));
  canvas.className = "cnnlab-plot";
  canvas.setAttribute("role", "img");
  let newest = 0;

  async function drawPicture() {
    const mine = ++newest;
    const bytes = model.get("png");
    if (!bytes.byteLength) return;
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    if (mine === newest) canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
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
    [drawPicture, ["change:png"]],
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
