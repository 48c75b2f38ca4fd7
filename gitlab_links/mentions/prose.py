"""Leave out of Markdown what mentions nobody: code, HTML comments and quotes. Pure.

The time it takes grows with the length of the text and not with how it is made: a stranger may
write it.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

# Stands where something was left out. It is no part of a key, and ends a list.
LEFT_OUT = "\N{OBJECT REPLACEMENT CHARACTER}"

_FENCE = re.compile(r"[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?(`{3,}(?=[^`]*$)|~{3,}).*")
_QUOTE = re.compile(r" {0,3}>")
_QUOTE_FENCE = re.compile(r">>>[ \t]*")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]|$)")
_INDENTED = re.compile(r" {4}| {0,3}\t")
_TICKS_OR_END = re.compile(r"`+|\n[ \t]*\n")
_CODE_TAG = re.compile(r"<(/?)(pre|code)\b[^<>]{0,200}>", re.IGNORECASE)
_COMMENT, _END_OF_COMMENT = "<!--", "-->"


def prose_of(markdown: str) -> str:
    """The text without code blocks, inline code, HTML comments and quotes.

    Lines stay lines. A block or a comment that does not end goes on to the end of the text.
    """
    lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _without_tags(_without_code("\n".join(_Blocks().prose(lines))))


class _Blocks:
    """Reads lines; remembers which block the next one may belong to."""

    def __init__(self) -> None:
        self.fence: str | None = None
        self.in_comment = self.in_quote = self.in_list = self.in_code = False
        self.after_blank = True

    def prose(self, lines: list[str]) -> Iterator[str]:
        """The lines, with an empty one for each that is code or a quote: it ends a paragraph."""
        for line in lines:
            left = "" if self._is_fenced(line) else self._uncommented(line)
            yield "" if self._is_quoted(left) or self._is_code(left) else left

    def _is_fenced(self, line: str) -> bool:
        if self.fence is not None:
            closing = line.strip(" \t>")
            if len(closing) >= len(self.fence) and not closing.strip(self.fence[0]):
                self.fence = None
            return True
        opening = None if self.in_comment else _FENCE.fullmatch(line)
        if opening is not None:
            self.fence = opening[1]
        return opening is not None

    def _uncommented(self, line: str) -> str:
        """The line without comments, which may go on over lines. Ticks before one hide it."""
        if not self.in_comment and _COMMENT not in line:
            return line
        parts, place, ticks = [], 0, 0
        while place < len(line):
            if self.in_comment:
                end = line.find(_END_OF_COMMENT, place)
                parts.append(LEFT_OUT)
                self.in_comment = end < 0
                place = len(line) if end < 0 else end + len(_END_OF_COMMENT)
                continue
            start = line.find(_COMMENT, place)
            end = len(line) if start < 0 else start
            parts.append(line[place:end])
            ticks += line.count("`", place, end)
            self.in_comment = start >= 0 and ticks % 2 == 0
            place = end + (len(_COMMENT) if start >= 0 else 0)
        return "".join(parts)

    def _is_quoted(self, line: str) -> bool:
        if _QUOTE_FENCE.fullmatch(line):
            self.in_quote = not self.in_quote
            return True
        return self.in_quote or _QUOTE.match(line) is not None

    def _is_code(self, line: str) -> bool:
        """Whether the line is an indented block, and not the continuation of a list."""
        blank = not line.strip()
        indented = not blank and _INDENTED.match(line) is not None
        is_code = indented and not self.in_list and (self.after_blank or self.in_code)
        if not blank and not is_code:
            continues = self.in_list and line[0] in " \t"
            self.in_list = continues or _LIST_ITEM.match(line) is not None
        self.after_blank, self.in_code = blank, is_code or (self.in_code and blank)
        return is_code


def _without_code(text: str) -> str:
    """Without inline code: from ticks to as many ticks, within one paragraph."""
    if "`" not in text:
        return text
    marks: list[tuple[int, int, int]] = []
    alike: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    paragraph = 0
    for found in _TICKS_OR_END.finditer(text):
        if found.group()[0] == "\n":
            paragraph += 1
            continue
        marks.append((found.start(), len(found.group()), paragraph))
        alike[paragraph, len(found.group())].append(found.start())
    parts, place = [], 0
    for start, length, its_paragraph in marks:
        if start < place:
            continue
        same = alike[its_paragraph, length]
        after = bisect_right(same, start)
        if after < len(same):
            parts.append(text[place:start] + LEFT_OUT)
            place = same[after] + length
    return "".join((*parts, text[place:]))


def _without_tags(text: str) -> str:
    """Without what stands between ``<pre>`` or ``<code>`` and their ends."""
    parts, place, opened = [], 0, None
    for tag in _CODE_TAG.finditer(text):
        closes, name = bool(tag[1]), tag[2].lower()
        if opened is None and not closes:
            parts.append(text[place : tag.start()] + LEFT_OUT)
            opened = name
        elif opened == name and closes:
            opened, place = None, tag.end()
    return "".join(parts) if opened is not None else "".join((*parts, text[place:]))
