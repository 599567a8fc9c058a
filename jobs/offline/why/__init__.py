"""Why a rule fired for a visitor, or why it did not."""
