"""The registry of models as an end: folders of immutable versions, and pointers to them."""
