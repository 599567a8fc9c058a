"""Rules as data: what a rule may say, what is refused, and the SQL that it becomes. Pure."""
