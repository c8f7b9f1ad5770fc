"""Execute chapters and store them in canonical form.

    python book/refresh.py [CHAPTER ...] [--check] [--jobs N]

Without a chapter, every chapter in `_toc.yml` is executed, two at a time, each
in a kernel of its own.  An unchanged chapter gives an empty diff; one that
fails, or that `notebook_lint` rejects, keeps its stored file.  `--check`
stores nothing and shows where a chapter differs from what it gives now.

Canonical form: fixed notebook metadata, of a cell only its id, tags and
`mystnb`, every count 1, consecutive streams merged, JSON as nbformat writes it.
Cells are numbered as nbval numbers them: code cells only, from 0.
"""

import argparse
import asyncio
import difflib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ipykernel.kernelspec
import nbformat
import notebook_lint
import yaml
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

CELL_SECONDS = 120
DIFF_LINES = 40
DIFF_COLUMNS = 120
# These pages print what the other chapters have stored, so they come last.
READ_THE_OTHERS = {"ledger"}
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


class ChapterError(Exception):
    """Why a chapter cannot be stored; several lines, for the reader."""


class Outcome(NamedTuple):
    chapter: str
    seconds: float
    word: str
    detail: str = ""
    ok: bool = True

    def __str__(self):
        line = f"{self.chapter:<24} {self.seconds:5.1f} s  {self.word}"
        return "\n    ".join([line, *self.detail.splitlines()])


# Canonical form


def canonical(nb: NotebookNode) -> str:
    """The text to store for an executed notebook."""
    nb = nbformat.from_dict(nb)
    kept = {key: nb.metadata[key] for key in ("mystnb",) if key in nb.metadata}
    nb.metadata = nbformat.from_dict({**METADATA, **kept})
    nb.nbformat, nb.nbformat_minor = 4, 5
    taken = {cell.get("id") for cell in nb.cells}
    for cell in nb.cells:
        if "id" not in cell:
            cell.id = new_id(cell.source, taken)
            taken.add(cell.id)
        given = cell.get("metadata", {})
        kept = {key: given.get(key) for key in ("mystnb", "tags")}
        cell.metadata = nbformat.from_dict({k: v for k, v in kept.items() if v})
        if cell.cell_type == "code":
            cell.execution_count = 1
            cell.outputs = merge_streams(cell.get("outputs", []))
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = 1
    return nbformat.v4.writes(nb) + "\n"


def new_id(source: str, taken: set[str]) -> str:
    """Eight hex digits that depend on the cell alone, unless they are taken."""
    name = hashlib.sha256(source.encode()).hexdigest()[:8]
    while name in taken:
        name = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbours of one stream: where a stream is cut depends on timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        is_stream = output.output_type == "stream"
        if is_stream and output.name == last.get("name"):
            last.text += output.text
        else:
            merged.append(output)
    return merged


# Execution


class ThisInterpreter(KernelSpecManager):
    """Only the kernel of the Python that runs this, whatever else is installed."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(**ipykernel.kernelspec.get_kernel_dict())


async def execute(nb: NotebookNode, folder: Path) -> None:
    """Run every code cell as nbval does: no history, one fresh kernel."""
    kernel = AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
    client = NotebookClient(nb, km=kernel, timeout=CELL_SECONDS)
    threads = {name: os.environ.get(name, "1") for name in ONE_THREAD}
    index = 0
    try:
        await client.async_start_new_kernel(
            cwd=str(folder),
            # SymPy breaks its lines at the width of the terminal.
            env={**os.environ, **threads, "COLUMNS": "80"},
            stderr=subprocess.DEVNULL,
        )
        await client.async_start_new_kernel_client()
        for index, cell in enumerate(nb.cells):
            await client.async_execute_cell(cell, index, store_history=False)
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}"
        raise ChapterError(failed_cell(nb, index, reason)) from None
    except CellTimeoutError:
        reason = f"no answer within {CELL_SECONDS} s"
        raise ChapterError(failed_cell(nb, index, reason)) from None
    except RuntimeError as error:  # a kernel that died, or did not start
        # nbclient also takes it for dead when this task is cancelled.
        if asyncio.current_task().cancelling():
            raise asyncio.CancelledError from None
        raise ChapterError(failed_cell(nb, index, str(error))) from None
    finally:
        if client.kc:
            client.kc.stop_channels()
        if kernel.has_kernel:
            await kernel.shutdown_kernel(now=True)


def failed_cell(nb: NotebookNode, index: int, reason: str) -> str:
    lines = nb.cells[index].source.splitlines()
    shown = [f"| {line}" for line in lines[:4]] + ["| …"] * (len(lines) > 4)
    return "\n".join([cell_name(nb, index), *shown, *reason.splitlines()[:8]])


def cell_name(nb: NotebookNode, index: int) -> str:
    number = sum(cell.cell_type == "code" for cell in nb.cells[:index])
    cell = nb.cells[index]
    kind = f"cell {number}" if cell.cell_type == "code" else "a Markdown cell"
    return f"{kind}, id {cell.get('id', '(none yet)')}"


# One chapter


async def refresh(path: Path, check: bool) -> Outcome:
    """Execute a chapter; store it, or with `check` compare it."""
    start = time.monotonic()
    try:
        stored = path.read_text(encoding="utf-8")
        nb = notebook_lint.read(path)
        reject(notebook_lint.lint(nbformat.v4.reads(canonical(nb)), executed=False))
        await execute(nb, path.parent)
        fresh = canonical(nb)
        reject(notebook_lint.lint(nbformat.v4.reads(fresh)))
        word, detail = "unchanged", ""
        if fresh != stored and check:
            word, detail = "DIFFERS", difference(path.stem, stored, fresh)
        elif fresh != stored:
            store(path, stored, fresh)
            word = "changed"
    except (ChapterError, ValueError, OSError) as error:
        word, detail = "FAILED", str(error)
    ok = word in ("unchanged", "changed")
    return Outcome(path.stem, time.monotonic() - start, word, detail, ok)


def reject(problems: list[str]) -> None:
    if problems:
        raise ChapterError("\n".join(["rejected by notebook_lint:", *problems]))


def store(path: Path, stored: str, fresh: str) -> None:
    """Replace the chapter whole or not at all."""
    if path.read_text(encoding="utf-8") != stored:
        raise ChapterError("the file was changed while its cells ran")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(fresh)
        shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def difference(chapter: str, stored: str, fresh: str) -> str:
    """Where two stored forms part, as a unified diff cut to a screenful."""
    diff = difflib.unified_diff(
        stored.splitlines(),
        fresh.splitlines(),
        f"{chapter}, stored",
        f"{chapter}, executed",
        n=2,
        lineterm="",
    )
    lines = [line[:DIFF_COLUMNS] for line in diff]
    cut = [f"… and {len(lines) - DIFF_LINES} lines more"] if lines[DIFF_LINES:] else []
    cells = [nbformat.v4.reads(text).cells for text in (stored, fresh)]
    pairs = enumerate(zip(*cells, strict=False))
    first = next((index for index, (old, new) in pairs if old != new), None)
    executed = nbformat.v4.reads(fresh)
    place = "what is not a cell" if first is None else cell_name(executed, first)
    return "\n".join([f"first in {place}", *lines[:DIFF_LINES], *cut])


# The book


def chapters_of(book: Path) -> list[str]:
    """Every notebook in the folder, in the order of `_toc.yml`."""
    toc = book.parent / "_toc.yml"
    listed = toc_files(yaml.safe_load(toc.read_text())) if toc.exists() else []
    order = {Path(name).name: place for place, name in enumerate(listed)}
    found = (path.stem for path in book.glob("*.ipynb"))
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def toc_files(entry) -> list[str]:
    """The pages that a table of contents lists, in its order, without suffix."""
    if isinstance(entry, list):
        return [name for part in entry for name in toc_files(part)]
    if not isinstance(entry, dict):
        return []
    own = [entry[key] for key in ("root", "file") if key in entry]
    return own + [name for part in entry.values() for name in toc_files(part)]


async def refresh_all(
    paths: list[Path], check: bool, jobs: int, report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Refresh `jobs` chapters at a time, those that read the others last."""
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    gate = asyncio.Semaphore(jobs)

    async def one(path):
        async with gate:
            outcome = await refresh(path, check)
            report(outcome)
            return outcome

    readers = [path for path in paths if path.stem in READ_THE_OTHERS]
    others = [path for path in paths if path not in readers]
    outcomes = []
    for batch in (others, readers):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(path)) for path in batch]
        outcomes += [task.result() for task in tasks]
    return outcomes


class Progress:
    """A line for each chapter that is done, and on a terminal a count below."""

    def __init__(self, total: int):
        self.total, self.done = total, 0
        self.in_place = sys.stdout.isatty()
        self.count()

    def __call__(self, outcome: Outcome) -> None:
        print("\r\x1b[K" * self.in_place + str(outcome), flush=True)
        self.done += 1
        self.count()

    def count(self) -> None:
        if self.in_place and self.done < self.total:
            print(f"{self.done} of {self.total} done …", end="", flush=True)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog="The exit status is 1 if a chapter fails or, with --check, differs.",
    )
    parser.add_argument("chapter", nargs="*", help="its name; default: all")
    parser.add_argument("--check", action="store_true", help="compare, store nothing")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--book",
        type=Path,
        default=Path(__file__).parent,
        metavar="DIR",
        help="the chapters' folder; default: this script's",
    )
    args = parser.parse_args(argv)
    if not __debug__ or os.environ.get("PYTHONOPTIMIZE"):
        parser.error("Python drops assertions here (PYTHONOPTIMIZE or -O)")
    if args.jobs < 1:
        parser.error(f"--jobs is {args.jobs}, but at least 1 is needed")
    args.book = args.book.resolve()
    known = chapters_of(args.book)
    if not known:
        parser.error(f"no notebooks in {args.book}")
    args.chapter = list(dict.fromkeys(Path(x).stem for x in args.chapter)) or known
    if unknown := [name for name in args.chapter if name not in known]:
        parser.error(
            f"no chapter {', '.join(unknown)}; the chapters are {', '.join(known)}"
        )
    return args


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    paths = [args.book / f"{name}.ipynb" for name in args.chapter]
    progress = Progress(len(paths))
    try:
        outcomes = asyncio.run(refresh_all(paths, args.check, args.jobs, progress))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\ninterrupted: the chapters not shown above are as they were")
        return 130
    words = [outcome.word for outcome in outcomes]
    counts = [f"{words.count(word)} {word.lower()}" for word in dict.fromkeys(words)]
    plural = "chapter" if len(outcomes) == 1 else "chapters"
    print(f"{len(outcomes)} {plural}: {', '.join(counts)}")
    stale = READ_THE_OTHERS.intersection(chapters_of(args.book)) - set(args.chapter)
    if stale and "changed" in words:
        print(f"now refresh what reads them: {' '.join(sorted(stale))}")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
