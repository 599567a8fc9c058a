"""What runs on a worker: stateless, pure functions first."""
