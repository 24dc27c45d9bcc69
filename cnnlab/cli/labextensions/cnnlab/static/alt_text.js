// An extension of JupyterLab: a picture in a notebook gets the alt text of its output's metadata, as in
// {"image/png": {"alt": "…"}}. JupyterLab itself (4.6) reads only width and height there. Not built, but written in the
// form in which JupyterLab loads an extension: a container of webpack's module federation.

let shared; // JupyterLab's own modules: name → version → { get }

async function load(name) {
  const [version] = Object.values(shared[name]);
  return (await version.get())();
}

// Return a renderer factory that does what the given one does, and then sets the alt text.
function withAltText(factory, mimeType) {
  const createRenderer = (options) => {
    const renderer = factory.createRenderer(options);
    const render = renderer.renderModel.bind(renderer);
    renderer.renderModel = async (model) => {
      await render(model);
      const words = model.metadata[mimeType]?.alt;
      const picture = renderer.node.querySelector("img");
      if (picture && words) picture.alt = words;
    };
    return renderer;
  };
  return { ...factory, mimeTypes: [mimeType], createRenderer };
}

async function makePlugin() {
  const { IRenderMimeRegistry } = await load("@jupyterlab/rendermime");
  return {
    id: "cnnlab:alt-text",
    autoStart: true,
    requires: [IRenderMimeRegistry],
    activate: (_app, registry) => {
      const mimeType = "image/png";
      const factory = registry.getFactory(mimeType);
      if (factory) registry.addFactory(withAltText(factory, mimeType), factory.defaultRank ?? 90);
    },
  };
}

(window._JUPYTERLAB ??= {}).cnnlab = {
  init: (scope) => {
    shared = scope;
  },
  get: async () => {
    const plugin = await makePlugin();
    return () => ({ __esModule: true, default: plugin });
  },
};
