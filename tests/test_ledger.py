"""The ledger is complete and well formed, and settled only by stored outputs."""

import json
import re
from pathlib import Path

import pytest
from tiny import BOOK, markdown_lint
from tiny_ledger import ROW, settle_one, write_chapter, write_ledger

from cnnref.verify.ledger import (
    Count,
    coverage_by_check,
    coverage_by_verdict,
    read_ledger,
    read_verdicts,
    settle,
)

IDS = """
conv-def-s0 conv-commutes conv-def-s1 conv-match conv-label-conv-s2
conv-label-xcorr-s2
conv-xcorr-relation conv-def-s3 conv-bias conv-weight-shared conv-multichannel
conv-batch
feature-maps-count edge-kernels ex-minus-6 ex-5x5-3x3 image-matrix
outsize-s2 outsize-s3 outsize-forms-equal outsize-domain outsize-dilation ex-6-3-0-1
hyper-padding hyper-filter hyper-depth outsize-pool ex-pool-4-2-2 ex-pool-factor-4
dims-governed
relu relu-piecewise relu-ramp relu-derivative nonlinearity-crucial leaky-relu sigmoid
softmax softmax-distribution softmax-vs-sigmoid
maxpool-s0 maxpool-s1 maxpool-s2 maxpool-s3 avgpool-s2 avgpool-s3 avgpool-is-conv
pool-per-depth pool-no-params pool-reduces-params pool-robust pool-downsample
fc-z fc-a fc-120M param-sharing translational-invariance equivariance
equivariance-converse local-connectivity flatten-4x4x128 fc-spatially-invariant
fc-softmax-output fc-no-sharing pipeline-steps cnn-composition forward-steps keras-net
keras-net-prose keras-code-runs keras-bce-adam
fc-dW fc-db fc-da fc-delta conv-dK-s2 conv-dX-s2 conv-rot180 conv-dW-s3
conv-dW-valid-conv
conv-dA-s3 conv-dA-name conv-flip-claim conv-db conv-dK-s1 conv-grad-general
pool-bwd-upsample maxpool-bwd avgpool-bwd chain-rule weight-sharing-sum gd-s1 gd-s3
ce-s2 ce-s1 ce-softmax-grad bce mse
sgd adam-moments adam-bias-correction adam-update adam-eps adam-betas adam-first-step
l2-reg l2-is-decay lr-typical
dropout-fraction dropout-mask dropout-test dropout-variance dropout-backward
transfer-freeze transfer-finetune bn-frozen
"""

CHAPTERS = """
images convolution output_size channels equivariance one_tensor activations pooling
dense
reverse_mode conv_backward pooling_backward softmax losses gradient_descent adam
weight_decay dropout transfer_learning keras_network whole_network_gradient
"""

# What the ledger's mathematics may use: each is in MathJax's base or ams package.
MACROS = """
alpha beta begin Bigl Bigr bigl bigr cases cdot cdots delta dots end epsilon eta frac
ge
hat in infty kappa lambda langle lceil ldots le left leftarrow leq lfloor log mathbb
mathbf mathcal mathrm mathsf max mid mu nabla ne odot operatorname partial prod qquad
quad
rangle rceil Rightarrow rfloor right sigma sim sqrt star sum tau text tilde times to
Longrightarrow exp
"""


@pytest.fixture(scope="module")
def ledger():
    return read_ledger(BOOK / "ledger.yml")


@pytest.fixture(scope="module")
def statuses(ledger):
    return settle(ledger, BOOK)


# The book's ledger


def test_every_row_is_there_once_and_in_order(ledger):
    assert [row.id for row in ledger.rows] == IDS.split()


def test_every_chapter_is_known(ledger):
    assert {row.chapter for row in ledger.rows} == set(CHAPTERS.split())


def test_a_row_is_tested_or_checked_in_four_ways(ledger):
    four = ["derived", "code", "torch", "control"]
    assert [r.id for r in ledger.rows if r.checks not in (four, ["test"])] == []


def test_only_what_no_document_prints_is_unquoted(ledger):
    for row in ledger.rows:
        if row.verdict != "added":
            assert row.documents, row.id
            assert row.printed, row.id


def test_a_line_quotes_one_of_the_documents_that_the_row_names(ledger):
    for row in ledger.rows:
        named = set(re.findall(r"^\*\*(S\d)\*\* ", row.printed or "", re.MULTILINE))
        assert named <= set(row.documents), row.id


def test_mathematics_is_balanced_and_standard(ledger):
    for row in ledger.rows:
        for text in (row.printed or "", row.correction, row.reason):
            assert tex_problems(text) == [], row.id


def tex_problems(text):
    if text.replace(r"\$", "").count("$") % 2:
        return ["an odd number of $"]
    problems = []
    for formula in re.findall(r"\$([^$]*)\$", text):
        bare = re.sub(r"\\[{}|\\]", "", formula)
        depths = [0]
        for brace in re.findall(r"[{}]", bare):
            depths.append(depths[-1] + (1 if brace == "{" else -1))
        if min(depths) < 0 or depths[-1]:
            problems.append(f"unbalanced braces: {formula}")
        for opening, closing in (("left", "right"), ("Bigl", "Bigr"), ("bigl", "bigr")):
            pair = [len(re.findall(rf"\\{m}\b", bare)) for m in (opening, closing)]
            if pair[0] != pair[1]:
                problems.append(f"unpaired {opening}: {formula}")
        ends = [re.findall(rf"\\{m}{{(\w+)}}", bare) for m in ("begin", "end")]
        if sorted(ends[0]) != sorted(ends[1]):
            problems.append(f"unpaired begin: {formula}")
        unknown = set(re.findall(r"\\([A-Za-z]+)", bare)) - set(MACROS.split())
        if unknown:
            problems.append(f"unknown macros {sorted(unknown)}: {formula}")
        if not formula.strip():
            problems.append("an empty formula")
    return problems


@pytest.mark.parametrize(
    "text",
    [
        "$x",
        "$x_{i$",
        "$}x{$",
        r"$\left(x$",
        r"$\Bigl(x\bigr)$",
        r"$\begin{cases}x$",
        r"$\nosuchmacro$",
        "$ $",
    ],
)
def test_bad_mathematics_is_found(text):
    assert tex_problems(text)


def test_our_words_are_the_books_words(ledger):
    for row in ledger.rows:
        own = f"{row.correction}\n\n{row.reason}"
        assert list(markdown_lint.words(own)) == [], row.id


# What the chapters settle


def test_a_chapter_settles_every_row_that_it_owns(statuses):
    still_open = [
        f"{status.row.chapter}: {status.row.id} lacks {', '.join(status.missing)}"
        for status in statuses
        if status.written and status.missing
    ]
    assert not still_open, "\n".join(still_open)


def recorded():
    lines = (Path(__file__).parent / "settled.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_what_was_settled_is_settled(statuses):
    settled = {status.row.id for status in statuses if status.settled}
    lost = [row for row in recorded() if row not in settled]
    assert lost == [], "rows of tests/settled.txt that are open"


def test_what_is_settled_is_recorded(statuses):
    settled = [status.row.id for status in statuses if status.settled]
    assert recorded() == settled, "tests/settled.txt lists the settled rows, in order"


# Reading a ledger


def without(key):
    return {k: v for k, v in ROW.items() if k != key}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"status": "settled"}, r"row 1 \('one'\): unknown keys \['status'\]"),
        (without("reason"), r"row 1 \('one'\): missing keys \['reason'\]"),
        (without("id"), r"row 1 \(None\): missing keys \['id'\]"),
        (ROW | {"verdict": "true"}, r"unknown verdict \['true'\]; known are \['holds'"),
        (ROW | {"checks": ["proof"]}, r"unknown checks \['proof'\]"),
        (ROW | {"checks": []}, "at least one"),
        (ROW | {"checks": ["code", "code"]}, "each kind once"),
        (ROW | {"documents": ["S9"]}, r"unknown documents \['S9'\]"),
        (ROW | {"documents": "S1"}, "documents must be a list, not 'S1'"),
        (ROW | {"printed": None}, "printed must be a str, not None"),
        (ROW | {"printed": " "}, "printed is empty"),
        (ROW | {"correction": ""}, "correction is empty"),
        (ROW | {"section": 3.1}, "section must be a str, not 3.1"),
        (ROW | {"rests_on": "two"}, "rests_on must be a list, not 'two'"),
        (ROW | {"rests_on": ["two"]}, r"'one' rests on unknown rows \['two'\]"),
        (ROW | {"rests_on": ["one"]}, "rest on each other: one → one"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    with pytest.raises(ValueError, match=message):
        read_ledger(write_ledger(tmp_path, row))


def test_two_rows_with_one_id_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two rows have the id 'one'"):
        read_ledger(write_ledger(tmp_path, ROW, ROW | {"section": "line 2"}))


def test_rows_that_rest_on_each_other_are_refused(tmp_path):
    one, two = ROW | {"rests_on": ["two"]}, ROW | {"id": "two", "rests_on": ["one"]}
    with pytest.raises(ValueError, match=r"rest on each other: \w+ → \w+ → \w+$"):
        read_ledger(write_ledger(tmp_path, one, two))


def test_a_row_may_rest_on_others_or_on_none(tmp_path):
    two = ROW | {"id": "two", "rests_on": ["one"]}
    rows = read_ledger(write_ledger(tmp_path, ROW, two)).rows
    assert [row.rests_on for row in rows] == [[], ["one"]]


def test_an_added_row_may_quote_nothing(tmp_path):
    path = write_ledger(tmp_path, ROW | {"verdict": "added", "printed": None})
    assert read_ledger(path).rows[0].printed is None


# Settling it


def test_a_row_without_its_chapter_is_open(tmp_path):
    status = settle_one(tmp_path)
    assert not status.settled
    assert not status.written
    assert status.missing == ("derived", "code")


def test_a_row_is_settled_by_all_its_checks(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"), ("code", "one"))
    status = settle_one(tmp_path)
    assert status.settled
    assert status.written
    assert status.cells == {"derived": "cell-0", "code": "cell-1"}


def test_a_row_with_one_check_missing_is_open(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"), ("torch", "one"))
    assert settle_one(tmp_path).missing == ("code",)


def test_the_first_cell_that_checks_is_named(tmp_path):
    write_chapter(tmp_path, "sums", ("code",), ("derived", "one"), ("derived", "one"))
    assert settle_one(tmp_path).cells == {"derived": "cell-1"}


def test_another_chapters_checks_do_not_count(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"))
    write_chapter(tmp_path, "products", ("code", "one"))
    assert settle_one(tmp_path).missing == ("code",)


def test_a_deleted_output_opens_the_row(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"), ("code", "one"))
    path = tmp_path / "sums.ipynb"
    nb = json.loads(path.read_text())
    nb["cells"][2]["outputs"] = []
    path.write_text(json.dumps(nb))
    assert settle_one(tmp_path).missing == ("code",)


def test_an_unknown_row_is_refused(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one", "two"))
    with pytest.raises(ValueError, match=r"sums.ipynb, cell cell-0: .* no row 'two'"):
        settle_one(tmp_path)


def test_an_unknown_check_is_refused(tmp_path):
    write_chapter(tmp_path, "sums", ("code", "one"), ("guess", "one"))
    with pytest.raises(ValueError, match=r"sums\.ipynb, cell cell-1: unknown"):
        read_verdicts(tmp_path / "sums.ipynb")


def test_coverage_counts_what_is_asked_for(tmp_path):
    write_chapter(
        tmp_path, "sums", ("derived", "one", "two"), ("code", "one"), ("torch", "one")
    )
    two = ROW | {"id": "two", "verdict": "corrected"}
    three = ROW | {"id": "three", "checks": ["test"]}
    path = write_ledger(tmp_path, ROW, two, three)
    statuses = settle(read_ledger(path), tmp_path)
    assert coverage_by_verdict(statuses) == {
        "holds": Count(1, 2),
        "convention": Count(0, 0),
        "corrected": Count(0, 1),
        "added": Count(0, 0),
    }
    assert coverage_by_check(statuses) == {
        "derived": Count(2, 2),
        "code": Count(1, 2),
        "torch": Count(0, 0),
        "control": Count(0, 0),
        "test": Count(0, 1),
    }


LEDGER = read_ledger(BOOK / "ledger.yml")
WRITTEN = sorted(
    {row.chapter for row in LEDGER.rows if (BOOK / f"{row.chapter}.ipynb").exists()}
)


def claims(chapter):
    """The rows that a chapter's boxes name, each with the verdict of its box."""
    notebook = json.loads((BOOK / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    cells = [c for c in notebook["cells"] if c["cell_type"] == "markdown"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    boxes = re.findall(r":class: verdict-(\w+)\n(.*?)\n:::", text, re.DOTALL)
    for verdict, body in boxes:
        for row in re.findall(r"\(#ledger-([\w-]+)\)", body):
            yield row, verdict


@pytest.mark.parametrize("chapter", WRITTEN)
def test_a_chapters_boxes_name_its_rows_with_their_verdicts(chapter):
    rows = {r.id.lower(): r.verdict for r in LEDGER.rows if r.chapter == chapter}
    assert dict(claims(chapter)) == rows
