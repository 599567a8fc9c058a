"""Wiring only: each stage over named views, its ends, its submission."""
