"""Runs an application on uvicorn until SIGTERM or SIGINT; open requests are answered first."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Calls the application at the first signal, so that it reports not ready and closes its streams."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        """A server that calls `ending` once."""
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came; a second Ctrl-C waits for nobody.

        Uvicorn's own raises the signal again when all is over: Ctrl-C would end in an error.
        """
        self._ending()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def server(
    app: ASGIApp, host: str, port: int, drain_ms: int, forwarded_allow_ips: str, ending: Callable[[], None]
) -> Server:
    """A server that has not begun.

    Args:
        app: the application.
        host: address to listen on.
        port: 0 takes a free one.
        drain_ms: longest wait for open requests at the end.
        forwarded_allow_ips: proxies that are believed.
        ending: called at the first signal.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, drain_ms // 1000),
        forwarded_allow_ips=forwarded_allow_ips,
    )
    return Server(config, ending)
