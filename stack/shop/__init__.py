"""The generated shop: a world, its visitors, and messages that hurt."""
