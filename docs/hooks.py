"""What mkdocs adds to the pages: references made from the code, and a page for each file that is linked outside docs/.

reference/commands.md   every verb as `das-hpo VERB --help` prints it
reference/api.md        what `import das_hpo` offers, from its docstrings
reference/tables.md     tables and the view `results`, from the models
files/PATH.md           a source file that a page links, so that no link leaves the site
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent

#: A link of a page to a file above docs/.
OUTSIDE = re.compile(r"\]\(((?:\.\./)+[^)#:\s]+)(#[^)\s]*)?\)")

LANGUAGES = {".py": "python", ".yml": "yaml", ".toml": "toml", ".sh": "sh", ".ipynb": "json"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    for path, text in (
        ("reference/commands.md", commands()),
        ("reference/api.md", api()),
        ("reference/tables.md", tables()),
    ):
        files.append(File.generated(config, path, content=text))
    for path in sorted({path for file in files.documentation_pages() for path in _linked(file)}):
        files.append(_source_page(config, path))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links to files above docs/ into links to their pages."""
    here = posixpath.dirname(page.file.src_uri)

    def inside(match: re.Match[str]) -> str:
        path = _of_root(page.file.src_uri, match[1])
        if path is None:
            return match[0]
        return f"]({posixpath.relpath(f'files/{path}.md', here or '.')})"

    return OUTSIDE.sub(inside, markdown)


def _linked(file: File) -> set[str]:
    """The files above docs/ that a page links, from the root of the repository."""
    if file.generated_by is not None:
        return set()
    found = (_of_root(file.src_uri, match[1]) for match in OUTSIDE.finditer(file.content_string))
    return {path for path in found if path is not None}


def _of_root(page: str, link: str) -> str | None:
    """Where a link leads, from the root of the repository; None if it stays in docs/, or to nothing that is there."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    if path.startswith(("docs/", "..")) or not (ROOT / path).exists():
        return None
    return path


def _source_page(config: MkDocsConfig, path: str) -> File:
    place = ROOT / path
    if place.is_dir():
        listed = "\n".join(
            f"- `{child.name}`" for child in sorted(place.iterdir()) if not child.name.startswith((".", "_"))
        )
        text = f"# {path}\n\n{listed}\n"
    elif place.suffix == ".md":
        text = place.read_text()
        text = re.sub(r"\]\((?![a-z]+:|#)[^)]*\)", "]", text)  # links of the repository's front page lead elsewhere
        text = re.sub(r"!\[([^]]*)\]", r"\1", text)
    else:
        fence = "`" * 4
        text = f"# {path}\n\n{fence}{LANGUAGES.get(place.suffix, 'text')}\n{place.read_text()}\n{fence}\n"
    page = File.generated(config, f"files/{path}.md", content=text)
    page.inclusion = page.inclusion.NOT_IN_NAV
    return page


def commands() -> str:
    """Every verb as its --help prints it."""
    import argparse

    from das_hpo.cli import COMMANDS, build_parser

    os.environ["COLUMNS"] = "100"
    parser = build_parser()
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    parts = ["# Commands\n\nMade from the code: what `das-hpo VERB --help` prints.\n"]
    parts += [f"- [`{name}`](#{name}): {command.summary}" for name, command in COMMANDS.items()]
    for name in COMMANDS:
        parts.append(f"\n## {name} {{ #{name} }}\n\n```text\n{verbs.choices[name].format_help().rstrip()}\n```")
    return "\n".join(parts) + "\n"


def api() -> str:
    """What `import das_hpo` offers."""
    import das_hpo

    names = [name for name in das_hpo.__all__ if not name.startswith("_")]
    parts = ["# Python API\n\nMade from the docstrings; [python.md](../python.md) says how to use it.\n"]
    parts += [f"\n::: {_home(getattr(das_hpo, name))}" for name in names]
    return "\n".join(parts) + "\n"


def _home(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def tables() -> str:
    """Tables with their columns, and the view, from the models."""
    from storage.models import REVISIONS, Base
    from storage.view import SOURCES

    classes = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}
    parts = [
        "# Tables of the database\n\nMade from the models of schema "
        f"{REVISIONS[-1]}. Query the view [`results`](#results): its columns stay; a new schema may change tables.\n",
        "\n## results {#results}\n\nOne row for each evaluation.\n\n| column | from |\n|---|---|",
        *(f"| `{name}` | `{' '.join(source.split())}` |" for name, source in SOURCES.items()),
    ]
    for table in Base.metadata.sorted_tables:
        said = (classes[table.name].__doc__ or "").strip()
        parts.append(f"\n## {table.name}\n\n{said}\n\n| column | type | may be NULL | refers to |\n|---|---|---|---|")
        for column in table.columns:
            refers = ", ".join(f"`{key.target_fullname}`" for key in column.foreign_keys)
            null = "yes" if column.nullable else ""
            parts.append(f"| `{column.name}` | {column.type} | {null} | {refers} |")
    return "\n".join(parts) + "\n"
