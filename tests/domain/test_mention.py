"""Whom a text mentions."""

import time

import pytest

from domain.mention import MOST_MENTIONS, addresses_mentioned

ADA, BOB = "ada@example.com", "bob.b-c+d@mail.example.co.uk"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"@{ADA}", [ADA]),
        (f"Ask @{ADA}.", [ADA]),
        (f"Ask @{ADA}, or (@{BOB})!", [ADA, BOB]),
        (f"Hello\n@{ADA}: look\n\t@{BOB}?", [ADA, BOB]),
        (f"Hello\r\n@{ADA}\r\n", [ADA]),
        (f"cc:@{ADA};@{BOB}", [ADA, BOB]),
        (f"\"@{ADA}\" '@{BOB}'", [ADA, BOB]),
        (f"<@{ADA}>", [ADA]),
        (f"**@{ADA}**", []),
        (f"@{ADA} and @{ADA} and @ADA@Example.COM", [ADA]),
        ("@ADA@Example.COM", ["ADA@Example.COM"]),
        ("@jörg@müller.example und @安@例え.テスト", ["jörg@müller.example", "安@例え.テスト"]),
        ("@o'neill@example.com", ["o'neill@example.com"]),
        (f"@{ADA}'s printer", [ADA]),
        (f"\u201c@{ADA}\u201d", [ADA]),
        (f"@{ADA}-- thanks", [ADA]),
    ],
)
def test_an_address_after_an_at_is_a_mention(text: str, found: list[str]) -> None:
    assert addresses_mentioned(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@@",
        "@ada",
        "@ada@",
        "@ada@example",
        "@@ada@example.com",
        "@ ada@example.com",
        "@ada @example.com",
        "@ada@-example.com",
        "@ada@.com",
        "@ada@example..com",
        ADA,
        f"mailto:{ADA}",
        f"word@{ADA}",
        f"word.@{ADA}",
        f"https://social.example/@{ADA}",
        f"\\@{ADA}",
        f"{ADA}@{ADA}",
        f"@{ADA}@{ADA}",
        f"@{'a' * 65}@example.com",
        "@ada@" + "b." * 10 + "com",
        f"@a@{'b' * 64}.com",
        "@ada@" + ".".join(["a" * 60] * 5),
    ],
)
def test_other_words_mention_nobody(text: str) -> None:
    assert addresses_mentioned(text) == []


@pytest.mark.parametrize(
    "text",
    [
        f"> @{ADA}",
        f">@{ADA}",
        f"  > > @{ADA}",
        f"On Monday Bob wrote:\n> Ask @{ADA}.\n>\n> Bob",
        f"`@{ADA}`",
        f"`say @{ADA} now`",
        f"``a ` @{ADA} ``",
        f"`begins\n@{ADA}\nends`",
        f"```\n@{ADA}\n```",
        f"```python\n@{ADA}\n```",
        f"  ~~~\n@{ADA}\n~~~",
        f"````\n```\n@{ADA}\n````",
        f"```\nnever closed\n@{ADA}",
        f"```\n``` not an end\n@{ADA}\n```",
        f"`x`@{ADA}",
    ],
)
def test_what_is_quoted_or_code_mentions_nobody(text: str) -> None:
    assert addresses_mentioned(text) == []
    assert addresses_mentioned(f"{text}\n```\n") in ([], [ADA]), "whatever follows, it is no fault"


@pytest.mark.parametrize(
    "text",
    [
        f"> quoted\n@{ADA}",
        f"```\ncode\n```\n@{ADA}",
        f"~~~\n```\n~~~\n@{ADA}",
        f"`code` @{ADA}",
        f"`` ` `` @{ADA}",
        f"a lonely ` and @{ADA}",
        f"`` unlike ` and @{ADA}",
        f"x > @{ADA}",
        f"    ```\n@{ADA}",
    ],
)
def test_what_stands_beside_is_said(text: str) -> None:
    assert addresses_mentioned(text) == [ADA]


def test_the_first_count_when_there_are_too_many() -> None:
    everybody = [f"p{n}@example.com" for n in range(MOST_MENTIONS + 5)]

    assert addresses_mentioned(" ".join(f"@{one}" for one in everybody)) == everybody[:MOST_MENTIONS]


@pytest.mark.parametrize(
    "text",
    ["@" * 50_000, "@a" * 25_000, "`" * 50_000, "`a" * 25_000, "``a`" * 12_500, " @a@b." * 8_000, "@a@" + "b." * 25_000,
     "@a@" + "b-" * 25_000, "@" + "a." * 25_000, ">" * 50_000, "~~~\n" * 12_000, "(@" * 25_000,
     "".join("`" * n + "a" for n in range(1, 300))],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    addresses_mentioned(text)
    assert time.process_time() - began < 0.5
