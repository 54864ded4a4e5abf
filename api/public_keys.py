"""The keys by which others check our tokens."""

from fastapi import Response
from pydantic import BaseModel

from api.http.area_router import AreaRouter
from api.requests import InDesk

router = AreaRouter(tags=["auth"])


class PublicKeyOut(BaseModel):
    """A JWK (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class PublicKeysOut(BaseModel):
    """A JWK set."""

    keys: list[PublicKeyOut]


@router.get("/.well-known/jwks.json")
async def get_token_keys(desk: InDesk, response: Response) -> PublicKeysOut:
    """The public keys by which others may check our access tokens."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return PublicKeysOut.model_validate({"keys": desk.keys.current().public()})
