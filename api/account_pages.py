"""The pages that links in mails lead to. They are the same for everybody: the token of a link stands behind its `#`,
which browsers send to nobody, and a script posts it when the button is pressed. A GET changes nothing."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import Response

from api.http.area_router import AreaRouter

router = AreaRouter(prefix="/account", include_in_schema=False)

FILES = {
    "verify-email": ("verify-email.html", "text/html"),
    "reset-password": ("reset-password.html", "text/html"),
    "account.js": ("account.js", "text/javascript"),
    "account.css": ("account.css", "text/css"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_FOLDER = Path(__file__).parent / "account_files"


def _page(file: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    content = (_FOLDER / file).read_bytes()

    async def read() -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return read


for _path, _file in FILES.items():
    router.add_api_route(f"/{_path}", _page(*_file), name=f"account_{_path}", response_class=Response)
