"""What the site is made of besides the pages: the README as its first page, the commands from the application
itself, a list of the decisions. Called by mkdocs; see mkdocs.yml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from commands import reference

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The decisions in the navigation are those that there are."""
    config.nav = list(_with_decisions(config.nav or []))
    return config


def _with_decisions(nav: list[Any]) -> Iterator[Any]:
    for each in nav:
        if isinstance(each, dict):
            yield {title: list(_with_decisions(below)) for title, below in each.items()}
        elif each == "decisions/index.md":
            found = sorted((ROOT / "docs" / "decisions").glob("*.md"))
            yield {"Decisions": [each, *(f"decisions/{path.name}" for path in found)]}
        else:
            yield each


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {
        "index.md": _of_readme((ROOT / "README.md").read_text("utf-8")),
        "reference/commands.md": reference(),
        "decisions/index.md": _decisions(),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Links to the README are to the first page; what else lies outside of the pages is no link here."""
    depth = "../" * page.file.src_uri.count("/")

    def found(link: re.Match[str]) -> str:
        text, target = link.groups()
        if not target.startswith("../") or target.startswith("http"):
            return link[0]
        place, _, anchor = target.removeprefix(depth).partition("#")
        if place == "../README.md":
            return f"[{text}]({depth}index.md{'#' + anchor if anchor else ''})"
        return text if place.startswith("../") else link[0]

    return _LINK.sub(found, markdown)


def _of_readme(text: str) -> str:
    """The README with links as they are from the folder of the pages."""

    def found(link: re.Match[str]) -> str:
        said, target = link.groups()
        if target.startswith(("http", "#")):
            return link[0]
        if target == "docs/decisions/":
            return f"[{said}](decisions/index.md)"
        return f"[{said}]({target.removeprefix('docs/')})" if target.startswith("docs/") else said

    return _LINK.sub(found, text)


def _decisions() -> str:
    lines = [
        "# Decisions",
        "",
        "What somebody may want to undo one day: what, why, instead of what, the price.",
        "",
    ]
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines)
