"""The server of `scripts/demo`: a shop's page, what Footfall says about its visitor, an inbox."""
