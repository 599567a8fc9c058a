"""What `deploy/monitoring/watched.toml` is made into: rules, their tests, dashboards, a page."""
