"""Rules as people work with them: explained, tried, answered anew over history, changed."""
