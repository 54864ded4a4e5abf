"""Gives tokens a new signing key: `make rotate-token-key`. Tokens and links signed before stay good.

The API follows by itself. The worker, which signs the links in mails, takes the new key when it is started next; the
old one verifies its links for 30 days from the rotation.
"""

import sys
from datetime import UTC, datetime

from api.credentials.token_keys import rotate_keys
from settings import Settings


def main() -> int:
    path = Settings().token_key_path
    try:
        keys = rotate_keys(path, datetime.now(UTC))
    except (OSError, ValueError) as error:
        print(f"Nothing was changed: {error}")
        return 2
    print(f"{path}: {keys[0].kid} signs now; {len(keys) - 1} older keys still verify.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
