"""Mentions in a text: `@` and an e-mail address at the start of a word, as `@ada@example.com`.

What stands in code (as Markdown marks it) or in the quoted lines of a mail mentions nobody: it was not said here.
"""

import re

from domain.email_address import email_key

MOST_MENTIONS = 20
"""Of more than these in one text, given by id or found in it, the first count."""
LONGEST_ADDRESS = 254
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_MENTION = re.compile(
    rf"(?:(?<=[\s(\[{{<\"'\u201c\u201e\u2018«,;:])|^)@([\w.!#$%&*+/=?^{{|}}~'-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{1,9}})(?!\.?[\w@])"
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`{1,9})(?!`).*?(?<!`)\1(?!`)", re.DOTALL)


def addresses_mentioned(text: str) -> list[str]:
    """The addresses that the text mentions, in their order, each once, at most MOST_MENTIONS."""
    said = _CODE.sub("`", "\n".join(_said(text)))
    found: dict[str, str] = {}
    for match in _MENTION.finditer(said):
        address = match[1]
        if len(address) <= LONGEST_ADDRESS:
            found.setdefault(email_key(address), address)
        if len(found) == MOST_MENTIONS:
            break
    return list(found.values())


def _said(text: str) -> list[str]:
    """The lines that are neither quoted nor in a block of code. A block that is not closed lasts to the end."""
    said: list[str] = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            is_end = mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()
            fence = "" if is_end else fence
        elif mark is not None:
            fence = mark[1]
        elif not line.lstrip().startswith(">"):
            said.append(line)
            continue
        said.append("")
    return said
