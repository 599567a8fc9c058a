"""Content as data: what may be shown, where, and what calls for it."""
