// DrawingCanvas in the browser: turns strokes into grey bytes, and sends them while the pen moves.

const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const STEP = 4; // pixels for each key press

function add(parent, tag, className) {
  const child = parent.appendChild(document.createElement(tag));
  child.className = className;
  return child;
}

function render({ model, el }) {
  const box = add(el, "div", "cnnlab-picture"); // not el itself: ipywidgets sets the styles of el
  const title = add(box, "div", "cnnlab-title");
  const frame = add(box, "div", "cnnlab-frame cnnlab-interactive cnnlab-sheet");
  const canvas = add(frame, "canvas", "cnnlab-canvas");
  const nib = add(frame, "div", "cnnlab-nib"); // the pen that the arrow keys move
  const caption = add(box, "div", "cnnlab-caption");
  const penState = add(box, "div", "cnnlab-caption cnnlab-pen-state");
  const side = model.get("side");
  canvas.width = canvas.height = side;
  frame.style.aspectRatio = "1";
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  canvas.ariaHidden = nib.ariaHidden = "true"; // a screen reader reads the label of the frame
  penState.setAttribute("aria-live", "polite");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let pointer = null; // the id of the pointer that draws
  let last = [0, 0];
  let place = [side / 2, side / 2]; // the place of the pen that the arrow keys move
  let isDown = false;

  function drawInk() {
    const bytes = model.get("ink");
    if (pointer !== null || bytes.byteLength !== side * side) return; // the stroke that is being drawn is newer
    const picture = context.createImageData(side, side);
    for (let at = 0; at < side * side; at++) {
      picture.data.fill(bytes.getUint8(at), 4 * at, 4 * at + 3);
      picture.data[4 * at + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  }

  function send() {
    const { data } = context.getImageData(0, 0, side, side);
    const ink = new Uint8Array(side * side);
    for (let at = 0; at < ink.length; at++) ink[at] = data[4 * at];
    model.set("ink", new DataView(ink.buffer));
    model.save_changes(); // ipywidgets sends the newest state when the last message has been answered
  }

  function stroke(from, to) {
    context.strokeStyle = context.fillStyle = "#fff";
    context.lineWidth = model.get("pen");
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.beginPath(); // a touch without a movement draws a dot
    context.arc(...to, model.get("pen") / 2, 0, 2 * Math.PI);
    context.fill();
  }

  function clear() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    send();
  }

  function placeOf(event) {
    const { top, left, height, width } = canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * side, ((event.clientY - top) / height) * side];
  }

  function putDown(event) {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    frame.setPointerCapture(pointer); // a stroke may leave the sheet and return
    last = placeOf(event);
    stroke(last, last);
    send();
  }

  function move(event) {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const step of between.length ? between : [event]) {
      stroke(last, placeOf(step));
      last = placeOf(step);
    }
    send();
  }

  function lift(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    place = last.map((at) => Math.min(Math.max(at, 0), side));
    showPen();
  }

  function showPen() {
    const size = (100 * model.get("pen")) / side;
    nib.style.width = nib.style.height = `${size}%`;
    nib.style.left = `${(100 * place[0]) / side - size / 2}%`;
    nib.style.top = `${(100 * place[1]) / side - size / 2}%`;
    nib.classList.toggle("cnnlab-down", isDown);
    penState.textContent = isDown ? "the pen is down" : "";
  }

  function setDown(down) {
    isDown = down;
    showPen();
  }

  function pressKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (step) {
      const from = place;
      place = place.map((at, axis) => Math.min(Math.max(at + STEP * step[axis], 0), side));
      if (isDown || event.shiftKey) stroke(from, place);
      if (isDown || event.shiftKey) send();
      showPen();
    } else if (event.key === " ") {
      setDown(!isDown);
      if (isDown) stroke(place, place);
      if (isDown) send();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // else JupyterLab selects another cell
  }

  function drawWords() {
    title.textContent = model.get("title");
    caption.textContent = model.get("caption");
    box.style.maxWidth = `${model.get("display_width")}px`;
    frame.setAttribute("aria-label", model.get("label"));
  }

  frame.addEventListener("pointerdown", putDown);
  frame.addEventListener("pointermove", move);
  frame.addEventListener("lostpointercapture", lift); // also at the end of a cancelled touch
  frame.addEventListener("keydown", pressKey);
  frame.addEventListener("blur", () => setDown(false));
  const drawers = [
    [drawInk, "change:ink"],
    [showPen, "change:pen"],
    [drawWords, "change:title change:caption change:label change:display_width"],
  ];
  for (const [draw, names] of drawers) {
    draw();
    for (const name of names.split(" ")) model.on(name, draw);
  }
  return () => drawers.forEach(([draw, names]) => names.split(" ").forEach((name) => model.off(name, draw)));
}

export default { render };
