"""Read the listening ports from the kernel's tables."""

from __future__ import annotations

import socket

from slipway.hosts.listening import listening, listening_here

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 22 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:18EB 00000000000000000000000000000000:0000 0A 0 0 0 0 0 0
"""


def test_the_kernels_tables_tell_which_ports_listen() -> None:
    assert listening(TCP + TCP6) == {4000, 6379}


def test_a_port_of_this_machine_is_known_while_it_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in listening_here()
    assert port not in listening_here()
