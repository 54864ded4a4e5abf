"""The router of one area of the API, which a request for another area passes by."""

import posixpath
from functools import cached_property

from fastapi import APIRouter
from starlette.routing import Match, Route
from starlette.types import Scope


class AreaRouter(APIRouter):
    """Routes that begin alike. A path without that beginning is none of theirs, so none of them is asked: with two
    hundred routes in all the asking is a noticeable part of what a request costs.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        # Somewhere in the path, not at its front: the app's own prefix stands before it.
        if self._beginning not in scope["path"]:
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _beginning(self) -> str:
        """What all paths have in common up to their first parameter. Asked first when all routes are there."""
        paths = [route.path if isinstance(route, Route) else "/" for route in self.routes]
        return posixpath.commonpath(paths).partition("{")[0]
