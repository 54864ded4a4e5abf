import os
import socket
from collections.abc import Callable

import pytest

from stack.errors import StackError
from stack.ports import Port, require_free


def api_at(number: int, host: str = "127.0.0.1") -> Port:
    return Port("the API", "API_PORT", host, number, "API_HOST")


def test_a_free_port_is_fine_and_stays_free(free_port: Callable[[], int]) -> None:
    port = free_port()

    require_free([api_at(port)])

    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])
def test_a_busy_port_is_named_with_its_holder_and_its_setting(listens_on: str) -> None:
    with socket.create_server((listens_on, 0)) as holder:
        number = holder.getsockname()[1]

        with pytest.raises(StackError) as refusal:
            require_free([api_at(number)])

    sentence = str(refusal.value)
    assert sentence.startswith(f"Port {number} for the API is taken by ")
    assert f"(pid {os.getpid()})" in sentence
    assert sentence.endswith("stop that, or set API_PORT to another port.")


def test_two_settings_with_one_port_are_told_apart(free_port: Callable[[], int]) -> None:
    port = free_port()

    with pytest.raises(StackError, match=f"API_PORT and TEMPORAL_PORT are both {port}"):
        require_free([api_at(port), Port("Temporal", "TEMPORAL_PORT", "127.0.0.1", port)])


def test_an_address_of_another_machine_names_the_host_setting(free_port: Callable[[], int]) -> None:
    with pytest.raises(StackError, match="set API_HOST to one that works"):
        require_free([api_at(free_port(), host="192.0.2.1")])
