"""Main of the Elasticsearch child: starts a Java machine inside Python and a node inside that.

    python -m stack.elasticsearch_node LIBJVM HEAP HOME SETTING=VALUE...

The node is built from its own classes rather than by Elasticsearch's launcher, which wants native libraries
and a bundled JDK that the package registry does not carry. SIGTERM closes the node in order.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import jpype

_STOP = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str]) -> int:
    """Run a node until SIGTERM; the exit status is 0 after an orderly end."""
    libjvm, options, home, *settings = arguments
    # Blocked before the Java machine makes its threads, so that only sigwait below takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    _start_java(libjvm, options.split(), Path(home))
    node = _start_node(Path(home) / "config", dict(setting.split("=", 1) for setting in settings))
    signal.sigwait(_STOP)
    node.close()
    return 0


def _start_java(libjvm: str, chosen: list[str], home: Path) -> None:
    options = [
        *chosen,
        # Signals are Python's business here.
        "-Xrs",
        "-XX:+UseSerialGC",
        "-Djava.security.manager=allow",
        "-Djava.awt.headless=true",
        "-Dlog4j2.disable.jmx=true",
        f"-Des.path.home={home}",
        "--enable-native-access=ALL-UNNAMED",
        "--add-opens=java.base/java.nio.channels=ALL-UNNAMED",
    ]
    jpype.startJVM(libjvm, *options, classpath=[str(home / "lib" / "*")])


def _start_node(config: Path, settings: dict[str, str]) -> Any:
    environment = _environment(config, settings)
    jpype.JClass("org.elasticsearch.common.logging.LogConfigurator").configure(environment, True)
    loader_class = jpype.JClass("org.elasticsearch.plugins.PluginsLoader")
    loader = loader_class.createPluginsLoader(
        loader_class.loadModulesBundles(environment.modulesDir()),
        loader_class.loadPluginsBundles(environment.pluginsDir()),
        jpype.JClass("java.util.Map").of(),
        False,
    )
    node = jpype.JClass("org.elasticsearch.node.Node")(environment, loader)
    return node.start()


def _environment(config: Path, settings: dict[str, str]) -> Any:
    builder = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    for key, value in settings.items():
        builder.put(key, value)
    path = jpype.JClass("java.nio.file.Path").of(str(config))
    return jpype.JClass("org.elasticsearch.env.Environment")(builder.build(), path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
