// PixelCanvas in the browser: draws the picture that Python sends, and sends Python the cursor.

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function add(parent, tag, className, namespace = "http://www.w3.org/1999/xhtml") {
  const child = document.createElementNS(namespace, tag);
  child.setAttribute("class", className);
  return parent.appendChild(child);
}

function addMark(svg, className) {
  // A dark stroke under a bright one: the mark is visible on every colour.
  const svgSpace = svg.namespaceURI;
  return ["under", "over"].map((layer) => add(svg, "rect", `${className} cnnlab-${layer}`, svgSpace));
}

function placeMark(rects, area) {
  for (const rect of rects) {
    rect.style.display = area ? "" : "none";
    ["y", "x", "height", "width"].forEach((name, i) => area && rect.setAttribute(name, area[i]));
  }
}

function render({ model, el }) {
  const box = add(el, "div", "cnnlab-picture"); // not el itself: ipywidgets sets the styles of el
  const title = add(box, "div", "cnnlab-title");
  const frame = add(box, "div", "cnnlab-frame");
  const canvas = add(frame, "canvas", "cnnlab-canvas");
  const svg = add(frame, "svg", "cnnlab-marks", "http://www.w3.org/2000/svg");
  const rectangle = addMark(svg, "cnnlab-rectangle");
  const cursor = addMark(svg, "cnnlab-cursor");
  const caption = add(box, "div", "cnnlab-caption");
  canvas.ariaHidden = svg.ariaHidden = "true"; // a screen reader reads the label of the frame

  function drawPixels() {
    const [width, height, bytes] = ["width", "height", "pixels"].map((name) => model.get(name));
    if (!width || bytes.byteLength !== 4 * width * height) return;
    canvas.width = width;
    canvas.height = height;
    frame.style.aspectRatio = `${width} / ${height}`;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const data = new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  }

  function drawMarks() {
    const at = model.get("cursor");
    const area = model.get("rectangle");
    placeMark(cursor, at.length ? [at[0] - 0.15, at[1] - 0.15, 1.3, 1.3] : null);
    placeMark(rectangle, area.length ? area : null);
  }

  function drawWords() {
    title.textContent = model.get("title");
    caption.textContent = model.get("caption");
    box.style.maxWidth = `${model.get("display_width")}px`;
    frame.setAttribute("aria-label", model.get("label"));
    frame.setAttribute("role", model.get("interactive") ? "application" : "img");
    frame.classList.toggle("cnnlab-interactive", model.get("interactive"));
    if (model.get("interactive")) frame.tabIndex = 0;
    else frame.removeAttribute("tabindex");
  }

  function moveTo(row, column) {
    row = Math.min(Math.max(row, 0), model.get("height") - 1);
    column = Math.min(Math.max(column, 0), model.get("width") - 1);
    const [oldRow, oldColumn] = model.get("cursor");
    if (row === oldRow && column === oldColumn) return;
    model.set("cursor", [row, column]);
    model.save_changes();
  }

  function pointAt(event) {
    if (!model.get("interactive")) return;
    const { top, left, height, width } = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - top) / height) * model.get("height"));
    const column = Math.floor(((event.clientX - left) / width) * model.get("width"));
    moveTo(row, column);
  }

  function pressKey(event) {
    const step = ARROWS[event.key];
    if (!step || !model.get("interactive")) return;
    event.preventDefault();
    event.stopPropagation(); // else JupyterLab selects another cell
    const [row, column] = model.get("cursor").length ? model.get("cursor") : [0, 0];
    moveTo(row + step[0], column + step[1]);
  }

  frame.addEventListener("pointermove", pointAt);
  frame.addEventListener("pointerdown", pointAt);
  frame.addEventListener("keydown", pressKey);
  const drawers = [
    [drawPixels, "change:pixels change:width change:height"],
    [drawMarks, "change:cursor change:rectangle"],
    [drawWords, "change:title change:caption change:label change:interactive change:display_width"],
  ];
  for (const [draw, names] of drawers) {
    draw();
    for (const name of names.split(" ")) model.on(name, draw);
  }
  return () => drawers.forEach(([draw, names]) => names.split(" ").forEach((name) => model.off(name, draw)));
}

export default { render };
