"""What a decision takes while the suite works beside the API, at 500 events of the generated shop a second."""

from __future__ import annotations

import threading
from pathlib import Path

from jobs.settings import Settings
from stack.runs.feed import Feeder
from stack.runs.live import run_shop
from stack.runs.run_settings import LIVE_SETTINGS
from tests.bench import figures
from tests.bench.test_services import SECONDS, measured, serving

RATE = figures.number("RATE", 500)
WARM_S = 60


def test_decisions_beside_the_suite(tmp_path: Path) -> None:
    settings = Settings.of({**LIVE_SETTINGS, "parallelism": 1})
    with serving(tmp_path, settings) as bench:
        deployment = bench.deployment
        deployment.stack.flink.wait_tasks_running(deployment.submit(), 180)
        shop = threading.Thread(
            target=run_shop,
            args=(Feeder(deployment.kafka_properties),),
            kwargs={
                "rate": float(RATE),
                "seed": 1,
                "seconds": WARM_S + SECONDS + 40,
                "cart_timeout_ms": settings.cart_timeout_ms,
            },
            daemon=True,
        )
        shop.start()
        shop.join(WARM_S)
        found = measured(bench, f"the suite at {RATE} events a second beside it")
        assert shop.is_alive()
    figures.write("decisions_beside", rate=RATE, **found)
