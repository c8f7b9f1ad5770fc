"""Sphinx extension: a bibliography that says of each work what it is for.

The style `annotated` sets an entry as `alpha` does, and its ``annotation`` after it.
"""

from functools import partial

from docutils import nodes
from pybtex.plugin import register_plugin
from pybtex.richtext import Tag, Text
from pybtex.style.formatting.alpha import Style as Alpha
from pybtex_docutils import Backend


class Annotated(Alpha):
    """An entry, and then what the work is for."""

    def format_entry(self, label, entry, bib_data=None):
        formatted = super().format_entry(label, entry, bib_data)
        if annotation := entry.fields.get("annotation"):
            annotation = Tag("annotation", Text.from_latex(annotation))
            formatted.text = Text(formatted.text, " ", annotation)
        return formatted


def setup(app):
    register_plugin("pybtex.style.formatting", "annotated", Annotated)
    Backend.tags["annotation"] = partial(nodes.inline, classes=["annotation"])
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
