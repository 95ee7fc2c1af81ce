from __future__ import annotations

import errno
import socket

import pytest

from data_schemas.errors import ConfigurationError
from serving.ports import address, cannot_listen, listen


def test_a_free_port_is_listened_on():
    with listen("127.0.0.1", 0, flag="--port") as found:
        assert found.getsockname()[1] > 0


def test_a_taken_port_is_told_with_the_flag_that_chooses_another():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}: stop what .* another with --grpc-port"):
            listen("127.0.0.1", port, flag="--grpc-port")


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_number_that_is_no_port_is_told_as_such(port):
    with pytest.raises(ConfigurationError, match=f"--port {port}: a port is a number from 0 to 65535"):
        listen("127.0.0.1", port, flag="--port")


def test_an_address_of_another_machine_is_no_matter_of_the_port():
    with pytest.raises(ConfigurationError, match="give an address of this machine"):
        listen("192.0.2.1", 0, flag="--port")  # of TEST-NET-1, RFC 5737


def test_a_port_that_needs_rights_is_told_so():
    error = cannot_listen("127.0.0.1:80", flag="--port", error=OSError(errno.EACCES, "Permission denied"))
    assert "ports below 1024 need rights" in str(error)


@pytest.mark.parametrize(("host", "said"), [("::1", "[::1]:1"), ("[::1]", "[::1]:1"), ("a.example", "a.example:1")])
def test_an_ipv6_host_has_brackets(host, said):
    assert address(host, 1) == said
