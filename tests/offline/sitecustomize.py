"""Refuses every connection of a Python process that would leave this machine.

Python imports a module of this name at its start when the module's folder is on PYTHONPATH, so the
guard holds in pytest, in every kernel and in the Jupyter server that the tests start. A refused
attempt raises; and because code may swallow that, it is also written to the file that
MOBILENET_OFFLINE_LOG names, which makes the whole test run fail.
"""

import ipaddress
import json
import os
import socket
import sys
from typing import Any

LOG_VARIABLE = "MOBILENET_OFFLINE_LOG"
GUARDED_METHODS = ("connect", "connect_ex", "sendto", "sendmsg")
GUARDED_LOOKUPS = (
    "getaddrinfo",
    "gethostbyname",
    "gethostbyname_ex",
    "gethostbyaddr",
    "getfqdn",
    "getnameinfo",  # its first argument is an address with a port
)
OWN_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost", socket.gethostname()}


class NetworkRefused(ConnectionError):
    """A test tried to reach another machine."""


def is_own(host: Any) -> bool:
    """Whether `host`, a name or an address, is this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in OWN_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:  # a name: resolving it would already ask another machine
        return False
    return address.is_loopback or address.is_unspecified


def refuse(what: str, host: Any) -> None:
    """Record the attempt and raise NetworkRefused."""
    attempt = {"what": what, "host": str(host), "process": [sys.executable, *sys.argv]}
    if os.environ.get(LOG_VARIABLE):
        with open(os.environ[LOG_VARIABLE], "a", encoding="utf-8") as log:
            log.write(json.dumps(attempt) + "\n")
    raise NetworkRefused(
        f"{what} to {host!r} was refused: tests stay on this machine. "
        "Use 127.0.0.1, or data that lies in the repository."
    )


def guard_method(name: str) -> None:
    """Replace `socket.socket.<name>` by one that looks at the address first."""
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any, **kwargs: Any) -> Any:
        # sendto(data, [flags,] address), sendmsg(buffers, ancillary, flags, address)
        address = args[-1] if args else None
        outside = self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple)
        if outside and not is_own(address[0]):
            refuse(name, address[0])
        return original(self, *args, **kwargs)

    setattr(socket.socket, name, guarded)


def guard_lookup(name: str) -> None:
    """Replace `socket.<name>` by one that refuses names of other machines."""
    original = getattr(socket, name)

    def guarded(host: Any = "", *args: Any, **kwargs: Any) -> Any:
        name = host[0] if isinstance(host, tuple) else host
        if not is_own(name):
            refuse("a name lookup", name)
        return original(host, *args, **kwargs)

    setattr(socket, name, guarded)


if not getattr(socket, "_mobilenet_guard", False):
    for method in GUARDED_METHODS:
        if hasattr(socket.socket, method):  # sendmsg is absent on Windows
            guard_method(method)
    for lookup in GUARDED_LOOKUPS:
        guard_lookup(lookup)
    socket._mobilenet_guard = True  # type: ignore[attr-defined]
