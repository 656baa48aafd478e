"""Loopback ports: is one free, who has it, does it answer."""

from __future__ import annotations

import os
import socket
import time

import psutil

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A TCP port of loopback that nobody listens on right now."""
    with socket.socket() as s:
        s.bind((LOOPBACK, 0))
        port: int = s.getsockname()[1]
        return port


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `host:port` now."""
    with socket.socket() as s:
        # As servers do it: a port whose last connections are still fading out counts as free.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError:
            return False
        return True


def port_answers(port: int, host: str = LOOPBACK, timeout_s: float = 0.5) -> bool:
    """Whether somebody accepts connections on `host:port`."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def wait_for_port(port: int, host: str = LOOPBACK, within_s: float = 10.0) -> bool:
    """Wait until somebody accepts connections on `host:port`; False if nobody did in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if port_answers(port, host):
            return True
        time.sleep(0.02)
    return False


def port_owner(port: int) -> str:
    """Who listens on `port`: `java -jar x (pid 4711)`, or `another process` if the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another process"
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or connection.pid is None or not connection.laddr:
            continue
        if connection.laddr.port != port:
            continue
        try:
            process = psutil.Process(connection.pid)
            name, command = process.name(), process.cmdline()
        except psutil.Error:
            return f"pid {connection.pid}"
        said = " ".join(os.path.basename(part) if i == 0 else part for i, part in enumerate(command[:3]))  # noqa: PTH119 - argv[0] need not be a path
        return f"{said or name} (pid {connection.pid})"
    return "another process"
