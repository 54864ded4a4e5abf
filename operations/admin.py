"""Makes somebody an admin, a new person or a known one: `make admin EMAIL=ada@example.org NAME="Ada"`.

A new person's password is asked for at the terminal, or read from standard input where there is none.
"""

import argparse
import asyncio
import getpass
import sys

from api.credentials.passwords import Passwords
from database.people import PeopleStore
from database.pool import UNAVAILABLE, open_pool
from domain.audit import Author
from domain.errors import PasswordRefusedError
from domain.password import MIN_PASSWORD
from domain.people import Role
from settings import Settings

BY = Author(credential="program:admin")


async def make_admin(settings: Settings, email: str, name: str, password: str | None) -> str:
    """Returns a sentence on what was done. Raises ValueError when a new person has no password of 8 characters, and
    PasswordRefusedError for one that is guessed first."""
    pool = await open_pool(settings.database_dsn, 1)
    async with pool:
        people = PeopleStore(pool)
        known = await people.find_by_email(email)
        if known is not None:
            await people.change(known.id, BY, role=Role.ADMIN, is_active=True)
            return f"{email} is an admin now; the password stays as it is."
        if password is None or len(password) < MIN_PASSWORD:
            raise ValueError(f"A new person needs a password of at least {MIN_PASSWORD} characters.")
        passwords = Passwords()
        passwords.check(password, email)
        await people.add(email, name, Role.ADMIN, await passwords.hash(password), by=BY)
        return f"{email} was made, as an admin."


def main() -> int:
    parser = argparse.ArgumentParser(prog="make admin", description=__doc__)
    parser.add_argument("email")
    parser.add_argument("--name", default="Admin")
    arguments = parser.parse_args()
    if "@" not in arguments.email:
        print(f"{arguments.email!r} is no e-mail address.")
        return 2
    asks = sys.stdin.isatty()
    password = getpass.getpass("Password (for a new person): ") if asks else sys.stdin.readline().rstrip("\n")
    try:
        print(asyncio.run(make_admin(Settings(), arguments.email, arguments.name, password or None)))
    except (ValueError, PasswordRefusedError) as error:
        print(error)
        return 2
    except UNAVAILABLE as error:
        print(f"PostgreSQL does not answer: {error}. Is the system running (make up)?")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
