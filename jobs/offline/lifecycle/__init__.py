"""Lifecycle and RFM as people work with them: cut-offs, and edited segments answered anew over history."""
