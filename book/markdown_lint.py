"""Markdown rules for the book's pages: structure, pictures, words.

`sphinx-build -W -n` renders an unclosed `:::`, an odd dollar and a picture
without alt text in silence, so they are looked for here.
"""

import re
from collections.abc import Iterator

FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,}|:{3,})\s*(?P<info>[^`]*?)\s*$")
OPAQUE = re.compile(r"\{(code|code-block|code-cell|math|literalinclude|raw)\}")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
OPTION = re.compile(r"\s*:[\w-]+:")
QUOTATION = re.compile(r"\s*>")
HEADING = re.compile(r"\s*#{1,6}\s")

WORDS = re.compile(r"\b(simply|clearly|obviously|just|let['’]s dive in)\b", re.I)
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u26ff\u2728\u274c\u2b50\ufe0f]")
IMG_TAG = re.compile(r"<img\b[^>]*>", re.I)
ALT_ATTRIBUTE = re.compile(r"""\balt\s*=\s*["']\s*[^"'\s]""", re.I)

Problems = Iterator[str]


def lint(text: str) -> list[str]:
    """Every problem of one Markdown text."""
    return [message for rule in RULES for message in rule(text)]


def blocks(text: str) -> Iterator[tuple[str | None, str | None]]:
    """Split at the outermost fences, as MyST does.

    Yields `(None, lines)` for what stands between fences and `(info, body)` for
    each fence; the body is None where the fence never closes.
    """
    mark, info, body = None, None, []
    for line in text.splitlines():
        match = FENCE.match(line)
        if mark is None and match:
            yield None, "\n".join(body)
            mark, info, body = match["mark"], match["info"], []
        elif mark and match and not match["info"] and match["mark"].startswith(mark):
            yield info, "\n".join(body)
            mark, info, body = None, None, []
        else:
            body.append(line)
    yield info, None if mark else "\n".join(body)


def directives(text: str) -> Iterator[tuple[str, str | None]]:
    """Every fence, with those inside directives."""
    for info, body in blocks(text):
        if info is not None:
            yield info, body
            if body and info.startswith("{") and not OPAQUE.match(info):
                yield from directives(body)


def passages(text: str) -> Iterator[str]:
    """What MyST reads as Markdown: outside code, with the insides of directives."""
    for info, body in blocks(text):
        if info is None:
            yield CODE_SPAN.sub("`code`", body or "")
        elif body and info.startswith("{") and not OPAQUE.match(info):
            yield from passages(body)


def prose(text: str) -> str:
    """The book's own words: no code, mathematics, options or quotations."""
    kept = []
    for passage in passages(text):
        lines = passage.splitlines()
        own = [x for x in lines if not (QUOTATION.match(x) or OPTION.match(x))]
        own_text = "\n".join(own).replace(r"\$", "")
        own_text = re.sub(r"\$\$.*?\$\$", " ", own_text, flags=re.DOTALL)
        kept.append(re.sub(r"\$[^$]*\$", " ", own_text))
    return "\n".join(kept)


def fences_close(text: str) -> Problems:
    for info, body in directives(text):
        if not info and body is None:
            yield "a fence that closes nothing"
        elif body is None:
            yield f"the fence of {info} never closes"


def dollars_pair(text: str) -> Problems:
    for passage in passages(text):
        outside = passage.replace(r"\$", "").split("$$")
        if len(outside) % 2 == 0:
            yield "a $$ without its partner"
            continue
        for paragraph in re.split(r"\n\s*\n", "$$".join(outside[::2])):
            if paragraph.replace("$$", "").count("$") % 2:
                yield f"an odd number of $ in: {paragraph.strip()[:50]}"


def images_have_alt(text: str) -> Problems:
    for passage in passages(text):
        if re.search(r"!\[\s*\][\[(]", passage):
            yield "an image without alt text: ![]"
        for tag in IMG_TAG.findall(passage):
            if not ALT_ATTRIBUTE.search(tag):
                yield f"an image without alt text: {tag[:50]}"
    for info, body in directives(text):
        has_alt = re.search(r"^\s*:alt:\s*\S", body or "", re.MULTILINE)
        if re.match(r"\{(figure|image)\}", info) and not has_alt:
            yield f"{info} has no :alt:"


def words(text: str) -> Problems:
    for match in WORDS.finditer(prose(text)):
        yield f"the word '{match[0]}'"


def headings_are_plain(text: str) -> Problems:
    for passage in passages(text):
        for line in passage.splitlines():
            if HEADING.match(line) and EMOJI.search(line):
                yield f"an emoji in the heading: {line.strip()}"


RULES = (fences_close, dollars_pair, images_have_alt, words, headings_are_plain)
