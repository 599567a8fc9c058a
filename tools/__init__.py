"""Tools of development: lint, the levels of tests, pages that repeat the code."""
