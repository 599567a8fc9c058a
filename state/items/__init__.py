"""What goes with what: products that visitors look at and buy in one session. docs/recommendations.md."""
