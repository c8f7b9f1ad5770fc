"""Sphinx extension: every code cell is an anchor and a label.

The cell with id `dw-torch` of conv_backward.ipynb is #cell-dw-torch on its page, and
{ref}`text <cell-conv_backward-dw-torch>` refers to it.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform


def cell_label(chapter: str, cell: str) -> str:
    """The label of a chapter's code cell, as a reference must spell it."""
    return f"cell-{chapter}-{cell}".lower()


class AnchorCells(SphinxTransform):
    """Name each code cell of a notebook after its id."""

    default_priority = 500  # before the labels are collected

    def apply(self, **kwargs):
        source = Path(self.env.doc2path(self.env.docname))
        if source.suffix != ".ipynb":
            return
        cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
        for node in self.document.findall(nodes.container):
            if node.get("nb_element") == "cell_code":
                cell = cells[node["cell_index"]]["id"]
                node["ids"].append(f"cell-{cell}")
                node["names"].append(cell_label(source.stem, cell))
                self.document.note_explicit_target(node)


def setup(app):
    app.add_transform(AnchorCells)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
