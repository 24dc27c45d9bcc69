"""Two steps of a build: links in the package's description that hold on a package index, and the data in the wheel."""

import re
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"!?\[([^\]]*)\]\((?!https?:)([^)]+)\)")


def hold_elsewhere(text: str, repository: str) -> str:
    """Return Markdown text whose relative links lead to the repository, or without them if `repository` is "".

    A picture that is left out is replaced by its description.

    >>> hold_elsewhere("![a digit](docs/a.png)", "https://github.com/alice/cnnlab")
    '![a digit](https://github.com/alice/cnnlab/raw/main/docs/a.png)'
    >>> hold_elsewhere("See [the data](data/README.md).", "")
    'See the data.'
    """

    def replace(link: re.Match) -> str:
        if not repository:
            return link[1]
        kind = "raw" if link[0].startswith("!") else "blob"
        return link[0].replace(f"({link[2]})", f"({repository}/{kind}/main/{link[2]})")

    return RELATIVE_LINK.sub(replace, text)


class DescriptionHook(MetadataHookInterface):
    def update(self, metadata: dict) -> None:
        """Put README.md into the metadata; tools/colab.py writes the repository's address into pyproject.toml."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = metadata.get("urls", {}).get("Repository", "")
        metadata["readme"] = {"content-type": "text/markdown", "text": hold_elsewhere(text, repository)}


class DataHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict) -> None:
        """Put the data that pyproject.toml lists into a wheel; an editable installation reads the folder data."""
        if version == "standard":
            build_data["force_include"].update(self.config["shipped"])
