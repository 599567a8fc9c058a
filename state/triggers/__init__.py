"""What is remembered of what was done about a visitor: triggers that were sent, pauses, purchases."""
