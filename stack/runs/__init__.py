"""A run of the suite on the embedded stack: deployed, fed, read back."""
