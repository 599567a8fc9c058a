"""The audit's second look: topic against index, topic against lake."""
