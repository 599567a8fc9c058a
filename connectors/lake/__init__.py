"""The lake: Parquet by day and hour, as job archive writes it."""
