"""book/refresh.py on tiny chapters: what it stores, what it refuses, what it says."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import BOOK, code, notebook, refresh, run_refresh, stream, text, value, write

FAILING = "a = 1\nb = 0\nc = 2\nd = 3\nmath.pi + a / b"

CHAPTERS = {
    "good": notebook(
        code("6 + 1"),
        code("for k in range(3):\n    print(k)"),
        code("import shutil\nshutil.get_terminal_size().columns"),
    ),
    "fails": notebook(code("1 + 1"), text("Now divide."), code(FAILING)),
    "dies": notebook(code("import os"), code("os._exit(3)")),
    "warns": notebook(code("import warnings\nwarnings.warn('a')")),
    "magic": notebook(code("%pwd")),
    "ledger": notebook(
        code("from pathlib import Path\nlen(Path('good.ipynb').read_text())")
    ),
}


def stored_in(book: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in book.glob("*.ipynb")}


def section(output: str, chapter: str) -> str:
    """The lines that a run printed about one chapter."""
    match = re.search(rf"^{chapter} .*\n(?:    .*\n)*", output, re.MULTILINE)
    assert match, f"nothing about {chapter} in:\n{output}"
    return match[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run over chapters good and bad: the folder, its files before, the result."""
    book = write(tmp_path_factory.mktemp("run") / "book", **CHAPTERS)
    (book / "notjson.ipynb").write_text("{")
    before = stored_in(book)
    return book, before, run_refresh(book)


def test_a_good_chapter_is_stored_in_canonical_form(run):
    book, _, result = run
    assert re.search(r"^good +\d+\.\d s  changed$", result.stdout, re.MULTILINE)
    stored = (book / "good.ipynb").read_text()
    nb = json.loads(stored)
    assert nb["cells"][2]["outputs"][0]["data"]["text/plain"] == ["7"]
    assert nb["cells"][3]["outputs"][0]["text"] == ["0\n", "1\n", "2\n"]
    counts = {cell.get("execution_count", 1) for cell in nb["cells"]}
    assert counts == {1}
    assert stored == refresh.canonical(refresh.notebook_lint.read(book / "good.ipynb"))


def test_the_exit_status_and_last_line_tell_what_failed(run):
    _, _, result = run
    assert result.returncode == 1
    last = result.stdout.splitlines()[-1]
    assert sorted(re.findall(r"\d \w+", last)) == [
        "2 changed",
        "5 failed",
        "7 chapters",
    ]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("chapter", "said"),
    [
        (
            "fails",
            [
                r"cell 2, id \w+",
                r"\| a = 1",
                r"\| d = 3",
                r"\| …",
                "ZeroDivisionError: division by zero",
            ],
        ),
        ("dies", [r"cell 2, id", r"\| os._exit", "Kernel died"]),
        ("warns", ["rejected by notebook_lint", "stderr is stored"]),
        ("magic", ["rejected by notebook_lint", "not plain Python"]),
        ("notjson", ["not a notebook of version 4"]),
    ],
)
def test_a_chapter_that_fails_is_named_and_left_untouched(run, chapter, said):
    book, before, result = run
    lines = section(result.stdout, chapter)
    assert "FAILED" in lines.splitlines()[0]
    for pattern in said:
        assert re.search(pattern, lines), f"no {pattern!r} in:\n{lines}"
    assert (book / f"{chapter}.ipynb").read_text() == before[chapter]


def test_no_temporary_file_is_left(run):
    book, before, _ = run
    assert sorted(path.name for path in book.iterdir()) == sorted(
        f"{chapter}.ipynb" for chapter in before
    )


def test_the_ledger_is_run_after_the_chapters_it_reads(run):
    book, _, result = run
    assert list(re.findall(r"^\w+(?= .* s  )", result.stdout, re.M))[-1] == "ledger"
    shown = refresh.notebook_lint.read(book / "ledger.ipynb").cells[-1].outputs[0].data
    assert int(shown["text/plain"]) == len((book / "good.ipynb").read_text())


def test_a_second_run_and_a_check_change_nothing(run):
    book, _, _ = run
    before = stored_in(book)
    # Another hash seed, width and number of threads: nothing must depend on them.
    second = run_refresh(book, "good", "ledger", PYTHONHASHSEED="1")
    other = {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "2", "COLUMNS": "50"}
    check = run_refresh(book, "good", "ledger", "--check", **other)
    for result in (second, check):
        assert result.returncode == 0, result.stdout
        assert "2 chapters: 2 unchanged" in result.stdout
        assert "@@" not in result.stdout
    assert stored_in(book) == before


MEET = """\
import time
from pathlib import Path
Path("{mine}").touch()
for _ in range({tenths}):
    time.sleep(0.1 * (not Path("{other}").exists()))
assert Path("{other}").exists()
"""


@pytest.mark.parametrize(("jobs", "tenths", "met"), [("2", 100, True), ("1", 5, False)])
def test_chapters_run_side_by_side(tmp_path, jobs, tenths, met):
    a = MEET.format(mine="a", other="b", tenths=tenths)
    b = MEET.format(mine="b", other="a", tenths=tenths)
    chapters = {"a": notebook(code(a)), "b": notebook(code(b))}
    book = write(tmp_path / "book", ledger=CHAPTERS["ledger"], **chapters)
    result = run_refresh(book, "a", "b", "--jobs", jobs)
    assert (result.returncode == 0) is met, result.stdout


def test_a_changed_chapter_asks_for_the_ledger(tmp_path):
    chapters = {name: CHAPTERS[name] for name in ("good", "ledger")}
    book = write(tmp_path / "book", **chapters)
    hint = "now refresh what reads them: ledger\n"
    assert run_refresh(book, "good").stdout.endswith(hint)
    assert hint not in run_refresh(book, "good").stdout


def test_a_terminal_shows_one_count_in_place(tmp_path):
    chapters = {name: CHAPTERS["good"] for name in ("a", "b")}
    book = write(tmp_path / "book", **chapters)
    ours, theirs = os.openpty()
    command = [sys.executable, BOOK / "refresh.py", "--book", book]
    with subprocess.Popen(command, stdout=theirs) as process:
        os.close(theirs)
        output = b"".join(iter(lambda: read_terminal(ours), b"")).decode()
    assert process.returncode == 0
    counts, lines = r"(\d) of 2 done …\r\x1b\[K", r"\w +\d+\.\d s  changed\r\n"
    assert re.fullmatch(rf"(?:{counts}{lines}){{2}}2 chapters: 2 changed\r\n", output)
    assert re.findall(counts, output) == ["0", "1"]


def read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        os.close(terminal)
        return b""


def test_check_shows_what_differs_and_stores_nothing(tmp_path):
    chapters = {
        "typed": notebook(code("6 + 1", value("8"))),
        "seeded": notebook(code("hash('a')", value("0"))),
        "emptied": notebook(code("6 + 1"), code("print(7)")),
        "cut": notebook(code("print(1)\nprint(2)", stream("1\n"), stream("2\n"))),
    }
    book = write(tmp_path / "book", **chapters)
    result = run_refresh(book, "seeded", PYTHONHASHSEED="1")
    assert result.returncode == 0, result.stdout
    # A count that is not 1, in a chapter whose outputs are right.
    typed_count = refresh.canonical(notebook(code("6 + 1", value("7"))))
    counted = typed_count.replace('"execution_count": 1', '"execution_count": 5')
    (book / "counted.ipynb").write_text(counted)
    before = stored_in(book)

    result = run_refresh(book, "--check", PYTHONHASHSEED="2")
    assert result.returncode == 1
    assert stored_in(book) == before
    for chapter in ("typed", "seeded", "emptied", "counted"):
        assert "DIFFERS" in section(result.stdout, chapter)
    typed = section(result.stdout, "typed")
    assert re.search(r"first in cell 1, id \w+", typed)
    assert re.search(r'-\s+"8"\n\s+\+\s+"7"', typed)
    assert "unchanged" in section(result.stdout, "cut")


def test_a_chapter_edited_while_it_ran_is_not_overwritten(tmp_path):
    edit = "from pathlib import Path\nPath('edited.ipynb').write_text('mine')"
    book = write(tmp_path / "book", edited=notebook(code(edit)))
    result = run_refresh(book)
    assert result.returncode == 1
    assert "the file was changed while its cells ran" in result.stdout
    assert (book / "edited.ipynb").read_text() == "mine"


def test_the_mode_of_the_file_is_kept(tmp_path):
    path = write(tmp_path / "book", good=CHAPTERS["good"]) / "good.ipynb"
    path.chmod(0o640)
    refresh.store(path, path.read_text(), "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_whole_stays_as_it_is(tmp_path):
    path = write(tmp_path / "book", good=CHAPTERS["good"]) / "good.ipynb"
    before = path.read_text()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            refresh.store(path, before, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in path.parent.iterdir()] == ["good.ipynb"]
    assert path.read_text() == before


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_kernel_and_no_file(tmp_path, stop):
    sleeps = notebook(
        code("import os, pathlib, time"),
        code("_ = pathlib.Path('pid').write_text(str(os.getpid()))"),
        code("time.sleep(60)"),
    )
    book = write(tmp_path / "book", sleeps=sleeps)
    before = stored_in(book)
    process = subprocess.Popen(
        [sys.executable, BOOK / "refresh.py", "--book", book],
        stdout=subprocess.PIPE,
        text=True,
        # A shell may start background jobs with the interrupt ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        pid = int(wait_for((book / "pid").read_text))
        process.send_signal(stop)
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert output.splitlines()[-1].startswith("interrupted")
    assert not is_running(pid)
    (book / "pid").unlink()
    assert [path.name for path in book.iterdir()] == ["sleeps.ipynb"]
    assert stored_in(book) == before


def wait_for(attempt, seconds=20):
    """The first result of `attempt` that is neither empty nor a missing file."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if result := attempt():
                return result
        except FileNotFoundError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"nothing after {seconds} s")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (["nope"], {}, "no chapter nope; the chapters are good, ledger"),
        (["good", "--jobs", "0"], {}, "--jobs is 0, but at least 1 is needed"),
        (["good"], {"PYTHONOPTIMIZE": "1"}, "Python drops assertions here"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(tmp_path, options, environment, said):
    chapters = {name: CHAPTERS[name] for name in ("good", "ledger")}
    book = write(tmp_path / "book", **chapters)
    before = stored_in(book)
    result = run_refresh(book, *options, **environment)
    assert result.returncode == 2
    assert said in result.stderr
    assert stored_in(book) == before


def test_a_folder_without_chapters_is_an_error(tmp_path):
    result = run_refresh(tmp_path)
    assert result.returncode == 2
    assert f"no notebooks in {tmp_path}" in result.stderr


def test_chapters_come_in_the_order_of_the_table_of_contents(tmp_path):
    names = {name: CHAPTERS["good"] for name in ("a", "b", "c")}
    book = write(tmp_path / "book", **names)
    (tmp_path / "_toc.yml").write_text(
        "root: book/index\nparts:\n- caption: I\n  chapters:\n"
        "  - file: book/c\n    sections:\n    - file: book/b\n"
    )
    assert refresh.chapters_of(book) == ["c", "b", "a"]


# Canonical form


def test_canonical_form_drops_what_an_editor_adds():
    plain = notebook(code("6 + 1", value("7")))
    edited = refresh.nbformat.from_dict(plain)
    edited.metadata = {"kernelspec": {"name": "mine"}, "widgets": {}, "toc": {}}
    edited.cells[1].metadata.update(collapsed=True, execution={"t": 1}, tags=[])
    edited.cells[1].metadata.tags = ["remove-input"]
    edited.cells[2].execution_count = 9
    edited.cells[2].outputs[0].execution_count = 9
    assert refresh.canonical(edited) == refresh.canonical(plain)
    assert refresh.canonical(plain).endswith("}\n")


def test_canonical_form_keeps_ids_and_gives_new_cells_ids_of_their_own():
    nb = notebook(code("1"), code("1"), code("2"))
    nb.cells[2].id = "kept-as-it-is"
    for cell in nb.cells[3:]:
        del cell["id"]
    del nb.cells[1]["id"]
    nb.cells.append(code("2"))
    del nb.cells[-1]["id"]
    first = json.loads(refresh.canonical(nb))
    ids = [cell["id"] for cell in first["cells"]]
    assert ids[2] == "kept-as-it-is"
    assert len(set(ids)) == len(ids)
    again = json.loads(refresh.canonical(nb))
    assert [cell["id"] for cell in again["cells"]] == ids


def test_neighbouring_streams_are_merged_and_others_are_not():
    cell = code("…", stream("a"), stream("b"), value(), stream("c"))
    merged = refresh.merge_streams(cell.outputs)
    assert [x.get("text") for x in merged] == ["ab", None, "c"]
