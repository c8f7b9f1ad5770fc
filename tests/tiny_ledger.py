"""A ledger of one row, and chapters that settle it, for tests."""

import json

import yaml

from cnnref.verify.ledger import read_ledger, settle
from cnnref.verify.verdict import MIME

ROW = {
    "id": "one",
    "documents": ["S1"],
    "section": "line 1",
    "part": "Sums",
    "printed": "$1+1=2$",
    "verdict": "holds",
    "correction": "$1+1=2$",
    "reason": "It holds.",
    "chapter": "sums",
    "checks": ["derived", "code"],
}


def write_ledger(folder, *rows):
    """Write a ledger of one source and these rows."""
    sources = {"S1": {"title": "Sums", "kind": "notes"}}
    path = folder / "ledger.yml"
    path.write_text(yaml.safe_dump({"sources": sources, "rows": list(rows)}))
    return path


def write_chapter(folder, name, *verdicts):
    """Write a notebook whose cells `cell-0`, `cell-1` … store one verdict each.

    A verdict is its check, then the ids of its rows.
    """
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": "check()",
            "execution_count": 1,
            "outputs": [
                {
                    "output_type": "execute_result",
                    "metadata": {},
                    "execution_count": 1,
                    "data": {
                        "text/plain": "✓",
                        "text/html": "<p>✓</p>",
                        MIME: {"check": check, "rows": rows, "cases": 1},
                    },
                }
            ],
        }
        for number, (check, *rows) in enumerate(verdicts)
    ]
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Sums"}
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nb = {
        "cells": [title, *cells],
        "metadata": {"kernelspec": python},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / f"{name}.ipynb").write_text(json.dumps(nb), encoding="utf-8")


def settle_one(folder):
    """Settle `ROW` by the chapters of a folder."""
    return settle(read_ledger(write_ledger(folder, ROW)), folder)[0]
