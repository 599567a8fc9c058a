"""TRAINING: events, from a file or the lake, or a plain table -> a gated candidate version and its report."""
