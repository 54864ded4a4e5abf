"""Files of tickets: what a file may be and be called, and what attaching and removing one does."""

from datetime import timedelta

import pytest

from domain.attachment import (
    HTML,
    KINDS,
    MAX_NAME,
    MAX_NAME_BYTES,
    SVG,
    TEXT,
    is_plain_text,
    kind_of,
    safe_name,
)
from domain.errors import InvalidError, TicketClosedError, UnsupportedMediaTypeError
from domain.people import INTEGRATION, Actor, Role
from domain.ticket import Status
from domain.ticket_commands import AddAttachment, RemoveAttachment
from domain.ticket_events import AttachmentAdded, AttachmentRemoved
from tests.domain.deciding import after, events_of, only, types_of
from tests.factories import AGENT, BY_AGENT, BY_REQUESTER, NOW, attachment_id, ticket

LOG = attachment_id("log")
ATTACH, ATTACH_INTERNALLY = AddAttachment(attachment_id=LOG), AddAttachment(attachment_id=LOG, internal=True)

# What happens to the ticket.


@pytest.mark.parametrize("internal", [False, True], ids=["publicly", "internally"])
def test_attaching_and_removing_are_one_event_each_on_the_same_side(internal: bool) -> None:
    added = only(AttachmentAdded, events_of(ticket(), AddAttachment(attachment_id=LOG, internal=internal)))
    removed = only(AttachmentRemoved, events_of(ticket(), RemoveAttachment(attachment_id=LOG, internal=internal)))

    assert (added.attachment_id, added.for_desk_only) == (LOG, internal)
    assert (removed.attachment_id, removed.for_desk_only) == (LOG, internal)


def test_a_ticket_is_as_it_was_but_for_its_revision() -> None:
    before = ticket(status="open", assignee_id=AGENT)

    assert after(before, ATTACH, BY_REQUESTER) == before.model_copy(update={"revision": before.revision + 1})


@pytest.mark.parametrize("status", [Status.PENDING, Status.RESOLVED])
def test_a_requesters_file_is_heard_as_their_words_are(status: Status) -> None:
    waiting = ticket(status=status, snoozed=status is Status.PENDING)

    heard = after(waiting, ATTACH, BY_REQUESTER, NOW + timedelta(hours=1))

    assert (heard.status, heard.snoozed) == (Status.OPEN, False)


@pytest.mark.parametrize(
    ("command", "by"),
    [
        (ATTACH, BY_AGENT),
        (ATTACH, INTEGRATION),
        (ATTACH_INTERNALLY, BY_REQUESTER),
        (RemoveAttachment(attachment_id=LOG), BY_REQUESTER),
    ],
    ids=["the desk's", "a robot's", "an internal one", "one that is removed"],
)
def test_any_other_file_wakes_nobody(command: AddAttachment | RemoveAttachment, by: Actor) -> None:
    assert len(types_of(ticket(status="pending", snoozed=True), command, by)) == 1


def test_a_desk_persons_own_ticket_hears_them_as_its_requester() -> None:
    own = ticket(status="pending", requester_id=AGENT)

    assert after(own, ATTACH, Actor.person(AGENT, Role.AGENT)).status is Status.OPEN


def test_a_closed_ticket_takes_no_file_but_gives_one_up() -> None:
    closed = ticket(status="closed")

    with pytest.raises(TicketClosedError):
        events_of(closed, ATTACH, BY_REQUESTER)
    assert types_of(closed, RemoveAttachment(attachment_id=LOG)) == ["ticket.attachment_removed"]


# Names.

LONG = "a" * 300


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht März.pdf", "Übersicht März.pdf"),
        ("U\u0308bersicht.pdf", "Übersicht.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\win.txt", "win.txt"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("/a.txt", "a.txt"),
        ("a.txt\0.png", "a.txt.png"),
        ("a\r\nSet-Cookie: x=1.txt", "a Set-Cookie_ x=1.txt"),
        ("a\x1b[31m.txt", "a[31m.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u200b\u2066b\ufeff.txt", "ab.txt"),
        ("a\u2028b.txt", "a b.txt"),
        ("  .hidden.txt", "hidden.txt"),
        ("a.exe. . .", "a.exe"),
        ("a.txt::$DATA", "a.txt__$DATA"),
        ('a"b<c>|?*.txt', "a_b_c____.txt"),
        ("CON.txt", "_CON.txt"),
        ("nul.tar.zip", "_nul.tar.zip"),
        ("com1", "_com1"),
        ("console.txt", "console.txt"),
        ("a  \t b.txt", "a b.txt"),
        ("\ud800a.txt", "a.txt"),
        (f"{LONG}.png", f"{'a' * (MAX_NAME - 4)}.png"),
        (f"a.{LONG}", f"a.{'a' * (MAX_NAME - 2)}"),
        ("\U0001f600" * 200 + ".png", "\U0001f600" * 59 + ".png"),
        ("no extension", "no extension"),
    ],
)
def test_a_name_is_made_a_plain_one(given: str, kept: str) -> None:
    assert safe_name(given) == kept
    assert len(kept) <= MAX_NAME
    assert len(kept.encode()) <= MAX_NAME_BYTES
    assert safe_name(kept) == kept


@pytest.mark.parametrize("given", ["", " ", "..", ".", "/", "a/", "\0", "\u202e", "...\\"])
def test_a_name_of_which_nothing_is_left_is_refused(given: str) -> None:
    with pytest.raises(InvalidError, match="no name"):
        safe_name(given)


# Kinds.


@pytest.mark.parametrize("extension", KINDS)
def test_a_file_that_is_what_its_name_says_is_taken(extension: str) -> None:
    kind = KINDS[extension]

    assert kind_of(f"a.{extension}", frozenset({kind.content})) is kind
    assert kind_of(f"a.{extension.upper()}", frozenset({kind.content, "application/x-else"})) is kind


@pytest.mark.parametrize("extension", KINDS)
def test_a_file_that_is_something_else_is_refused(extension: str) -> None:
    others = frozenset(kind.content for kind in KINDS.values()) - {KINDS[extension].content}

    with pytest.raises(UnsupportedMediaTypeError, match="not what its name says"):
        kind_of(f"a.{extension}", others)


@pytest.mark.parametrize(
    "name",
    [
        "a.html",
        "a.svg",
        "a.exe",
        "a.js",
        "a.sh",
        "a.pdf.exe",
        "a.docm",
        "a.doc",
        "a.png.",
        "a",
        "png",
        "a.xhtml",
        "a.ﬁ",
    ],
)
def test_what_is_not_on_the_list_is_refused_whatever_is_in_it(name: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="not taken"):
        kind_of(name, frozenset({TEXT, "image/png"}))


@pytest.mark.parametrize("found", [HTML, SVG])
def test_a_page_is_no_text(found: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        kind_of("a.txt", frozenset({TEXT, found}))


@pytest.mark.parametrize(
    "content",
    [
        b"plain", b"\tcolumns\r\nand\x0cpages", "Grüße".encode(), "Grüße".encode("latin-1"), b"\xef\xbb\xbfbom",
        "Grüße".encode("utf-16"), b"\x1b[31mred\x1b[0m", b"a < b", b"{}", b"<alarm> said the log",
    ],
)  # fmt: skip
def test_texts_of_all_ages_are_texts(content: bytes) -> None:
    assert is_plain_text(content)


@pytest.mark.parametrize(
    "content",
    [
        b"a\0b", b"MZ\x90\0", b"\x89PNG\r\n\x1a\n", b"  <!DOCTYPE html>", b"<HTML>", b"\xef\xbb\xbf\n<script>",
        b"<svg ", b"#!/bin/sh\n", b"<?xml version='1.0'?><svg/>",
        "<html>".encode("utf-16"), b"\xff\xfe\x00\xd8\x00", b"\x08",
    ],
)  # fmt: skip
def test_programs_pages_and_pictures_are_no_texts(content: bytes) -> None:
    assert not is_plain_text(content)
