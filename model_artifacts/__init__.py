"""The model registry that ships: trained on the generated shop. `connectors/model_registry.py` reads it."""
