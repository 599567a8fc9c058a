"""The model registry that ships: trained on the generated shop. `connectors/models/registry.py` reads it."""
