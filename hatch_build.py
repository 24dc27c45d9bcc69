"""Give the package's description links that hold on a package index, which has no docs/explorer.png of its own."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"!?\[([^\]]*)\]\((?!https?:)([^)]+)\)")


def hold_elsewhere(text: str, repository: str) -> str:
    """Return the Markdown text with its relative links led to the repository, or without them where there is none.

    A picture that is left out leaves its description.

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


class CustomMetadataHook(MetadataHookInterface):
    def update(self, metadata: dict) -> None:
        """Put README.md into the metadata; tools/colab.py writes the repository's address into pyproject.toml."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = metadata.get("urls", {}).get("Repository", "")
        metadata["readme"] = {"content-type": "text/markdown", "text": hold_elsewhere(text, repository)}
