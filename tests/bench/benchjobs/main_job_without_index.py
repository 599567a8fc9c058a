"""The main job with Elasticsearch left out: documents are made and forgotten."""

from __future__ import annotations

import sys

from benchjobs import main_job

if __name__ == "__main__":
    main_job.main(["--no-index", *sys.argv[1:]])
