"""What came of experiments: exposures and events in, uplift with intervals out."""
