"""The common mistakes as the book's page shows them: a table of what kills each."""

import html
import re
from collections.abc import Mapping

from cnnref.verify.mistakes import MISTAKES, Mistake
from cnnref.verify.verdict import Verdict

# The chapter that derives what a numbered mistake gets wrong; W31's is the page itself.
CHAPTERS = {
    "convolution": (1,),
    "output_size": (2, 3, 4, 5, 6, 7, 8, 29),
    "equivariance": (28,),
    "one_tensor": (30,),
    "channels": (32,),
    "activations": (27,),
    "pooling": (16,),
    "reverse_mode": (33,),
    "conv_backward": (9, 10, 11, 12, 13),
    "pooling_backward": (14, 15),
    "softmax": (24, 26, 35),
    "losses": (25,),
    "gradient_descent": (20,),
    "adam": (17, 18),
    "weight_decay": (19,),
    "dropout": (21, 22),
    "transfer_learning": (23, 34),
}
CHAPTER_OF = {f"W{n}": name for name, numbers in CHAPTERS.items() for n in numbers}

# What is written in code: f'(0), a name with an underscore, and a setting in quotes.
CODE = re.compile(r"\w+'\([^)]*\)|[a-z]+(?:_[a-z]+)+(?:=\w+)?|'\w+'")
BRACKETS = re.compile(r"(?:\w+ )?[(\[][^()\[\]]*[)\]]")
MARKUP = re.compile(r"[\\`*_$|\[\]]")
NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?|-?inf|nan"
VALUE = re.compile(rf"(?:the )?(.+) is ({NUMBER}), not ({NUMBER})")
SHAPE = re.compile(r"(?:the )?(.+) has the shape (\(.*\)), not (\(.*\))")


def labelled(*numbers: int) -> tuple[Mistake, ...]:
    """The mistakes of these numbers, in this order; none may be missing."""
    found = {n: [m for m in MISTAKES if m.label == f"W{n}"] for n in numbers}
    if absent := [f"W{n}" for n, mistakes in found.items() if not mistakes]:
        raise ValueError(f"no mistake has the label {', '.join(absent)}")
    return tuple(m for mistakes in found.values() for m in mistakes)


def unlabelled() -> tuple[Mistake, ...]:
    """The mistakes beyond the numbered ones."""
    return tuple(m for m in MISTAKES if not re.fullmatch(r"W\d+", m.label))


def kill_table(killed: Mapping[Mistake, Verdict]) -> str:
    """Each mistake, the first call that shows it, and the wrong and the right value."""
    lines = ["| the mistake | the first call that shows it | what it gives |"]
    lines += ["|---|---|---|", *(row(m, v) for m, v in killed.items())]
    return "\n".join([":::{div} kill-table", "", *lines, ":::"])


def row(mistake: Mistake, verdict: Verdict) -> str:
    """One line of the table, made from what the verdict says."""
    call, _, result = verdict.detail.removeprefix("rejected: ").rpartition(": ")
    function = f"**{code(mistake.function)}**"
    cells = (
        number(mistake.label) + words(mistake.words),
        f"{function} {code(call)}",
        result_cell(result),
    )
    return f"| {' | '.join(cells)} |"


def number(label: str) -> str:
    """A mistake's number, as a link to the chapter that derives what it gets wrong."""
    if not label.startswith("W"):
        return ""
    chapter = CHAPTER_OF.get(label)
    return f"**[{label}]({chapter}.ipynb)** " if chapter else f"**{label}** "


def result_cell(result: str) -> str:
    """A wrong value or a wrong shape beside the right one; nothing else is a kill."""
    if found := VALUE.fullmatch(result):
        place, *values = found.groups()
        wrong, right = told_apart(*values)
        return f"{code(place.lstrip('.'))} is {wrong}, not {right}"
    if found := SHAPE.fullmatch(result):
        place, wrong, right = found.groups()
        return f"{code(place)} has the shape {code(wrong)}, not {code(right)}"
    raise ValueError(f"neither a wrong value nor a wrong shape: {result}")


def told_apart(wrong: str, right: str) -> tuple[str, str]:
    """Both numbers to four digits, or to as many as tell them apart."""
    for digits in range(4, 18):
        pair = rounded(wrong, digits), rounded(right, digits)
        if pair[0] != pair[1]:
            return pair
    raise ValueError(f"{wrong} and {right} are the same number")


def rounded(number: str, digits: int) -> str:
    """A number to so many digits; one that needs fewer is written as it is."""
    value = float(number)
    short = f"{value:.{digits}g}"
    exact = float(short) == value or value != value
    return (short if exact else f"{value:#.{digits}g}").replace("-", "−")


def words(text: str) -> str:
    """Plain words as Markdown, with the names of code in code."""
    parts, end = [], 0
    for found in CODE.finditer(text):
        parts += [escaped(text[end : found.start()]), code(found[0])]
        end = found.end()
    return "".join([*parts, escaped(text[end:])])


def escaped(text: str) -> str:
    """Text whose signs mean nothing to Markdown."""
    return MARKUP.sub(r"\\\g<0>", html.escape(text, quote=False))


def code(text: str) -> str:
    """Code whose lines do not break inside a shape, or between it and its name."""
    whole = BRACKETS.sub(
        lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text
    )
    return f"`{whole}`"
