// StatusLine in the browser. It also makes the controls of its panel accessible by keyboard and screen reader.

// Let nobody type into the readout: ipywidgets lets it be edited again with each new value.
function keepAsItIs(readout) {
  const close = () => {
    if (readout.isContentEditable) readout.contentEditable = "false";
  };
  close();
  if (kept.has(readout)) return;
  new MutationObserver(close).observe(readout, { attributeFilter: ["contenteditable"] });
  kept.add(readout);
}

// Name the parts of the sliders for screen readers, by the label next to them: ipywidgets gives them no name.
function nameSliders(panel) {
  for (const slider of panel.querySelectorAll(".widget-slider")) {
    const name = slider.querySelector(".widget-label")?.textContent ?? "";
    slider.querySelectorAll(".noUi-handle").forEach((handle) => handle.setAttribute("aria-label", name));
    const readout = slider.querySelector(".widget-readout");
    if (slider.classList.contains("cnnlab-choices")) keepAsItIs(readout);
    if (!readout?.isContentEditable) continue;
    readout.setAttribute("role", "textbox");
    readout.setAttribute("aria-label", `${name}, as a number`);
  }
}

const kept = new WeakSet(); // the readouts that stay as they are
const spoken = new WeakSet(); // the sliders whose handle says what their readout shows, and rows whose buttons do

// Let a screen reader say what a slider shows: ipywidgets lets it say the place among the options, or the exponent.
function speakReadouts(panel) {
  for (const slider of panel.querySelectorAll(".widget-slider")) {
    const [handle, second] = slider.querySelectorAll(".noUi-handle");
    const readout = slider.querySelector(".widget-readout");
    if (!handle || second || !readout || spoken.has(slider)) continue;
    const speak = () => {
      const words = readout.textContent;
      if (handle.getAttribute("aria-valuetext") !== words) handle.setAttribute("aria-valuetext", words);
    };
    const observer = new MutationObserver(speak);
    observer.observe(readout, { childList: true, characterData: true, subtree: true });
    observer.observe(handle, { attributeFilter: ["aria-valuetext"] });
    spoken.add(slider);
    speak();
  }
}

// Let a screen reader say which button of a row is pressed: ipywidgets shows it by the button's colour alone.
function speakPressed(panel) {
  for (const row of panel.querySelectorAll(".widget-toggle-buttons")) {
    if (spoken.has(row)) continue;
    const speak = () => {
      for (const button of row.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", button.classList.contains("mod-active"));
      }
    };
    const name = row.querySelector(".widget-label")?.textContent;
    row.setAttribute("role", "group");
    if (name) row.setAttribute("aria-label", name);
    new MutationObserver(speak).observe(row, { attributeFilter: ["class"], childList: true, subtree: true });
    spoken.add(row);
    speak();
  }
}

// Hide keys that are meant for a control from JupyterLab, where b adds a cell and d d deletes one.
function keepKey(event) {
  const isCommand = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  if (!isCommand) event.stopPropagation();
}

function render({ model, el }) {
  el.classList.add("cnnlab-status");
  el.setAttribute("role", "status"); // a screen reader announces a change of the content only
  el.setAttribute("aria-live", "polite");

  function draw() {
    el.innerHTML = model.get("value"); // escaped by Python
  }

  function prepareControls() {
    const panel = el.closest(".widget-vbox");
    if (!panel) return;
    nameSliders(panel);
    speakReadouts(panel);
    speakPressed(panel);
    panel.addEventListener("keydown", keepKey);
  }

  draw();
  model.on("change:value", draw);
  const whenVisible = new IntersectionObserver(prepareControls);
  whenVisible.observe(el);
  return () => {
    model.off("change:value", draw);
    whenVisible.disconnect();
  };
}

export default { render };
