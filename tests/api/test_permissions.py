"""Every operation of the API stands in the table at the door."""

from domain.permissions import PERMISSIONS, PUBLIC
from tests.api.desk_api import ApiDesk


def test_the_table_is_whole(api: ApiDesk) -> None:
    """A new operation without a line in `domain/permissions.py` is open to nobody; here it says so."""
    operations = {
        operation["operationId"] for path in api.app.openapi()["paths"].values() for operation in path.values()
    }

    assert operations - PUBLIC == PERMISSIONS.keys()
    assert operations >= PUBLIC - {"redirect_to_docs"}
